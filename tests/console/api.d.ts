// The types that the console's modules name in their comments: what a route of the API answers, by its name as
// `console/api.js` writes it, such as `GET /models`; from the service's own description, which `types.mjs` turns into
// `openapi.d.ts`.
import type { components, paths } from './openapi';

type Method = 'get' | 'post' | 'put' | 'delete';

/** Every route that is described, with its method. */
export type Route = {
  [P in keyof paths & string]: {
    [M in Method]: paths[P] extends Record<M, { responses: unknown }> ? `${Uppercase<M>} ${P}` : never;
  }[Method];
}[keyof paths & string];

/** The JSON of a route's success. */
export type Answer<R extends string> = R extends `${infer M} ${infer P extends keyof paths & string}`
  ? Lowercase<M> extends keyof paths[P]
    ? paths[P][Lowercase<M>] extends { responses: { 200: { content: { 'application/json': infer A } } } }
      ? A
      : never
    : never
  : never;

declare global {
  /** The bodies of the API by their names, such as `Api['Segments']`. */
  type Api = components['schemas'];
  /** Asks a route for its JSON. */
  type ApiGet = <R extends Route>(route: R, how?: any) => Promise<Answer<R>>;
  /** The same, with the events on the way. */
  type ApiFollow = <R extends Route>(
    route: R,
    how: any,
    told: (event: string, data: any) => void,
  ) => Promise<Answer<R>>;
  /** The last status, with what the tab knows where there is none. */
  type KnownStatus = Partial<Api['Status']> & { needs_key?: boolean; away?: boolean };
}
