#!/usr/bin/env python3
"""An upstream that speaks as much of OpenAI's API as a text needs, and answers at once.

    python3 upstream.py PORT

One process, one canned answer, connections kept. It shares the machine with whoever asks it.
"""
import asyncio
import json
import sys

CONTENT = {"variants": ["Fresh bread at nine."], "image_prompt": "A counter.", "slogan": "Warm bread"}
ANSWER = json.dumps({
    "id": "c", "object": "chat.completion", "created": 1, "model": "instant",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": json.dumps(CONTENT)}}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}).encode()
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(ANSWER), ANSWER)
HEAD_END, LENGTH = b"\r\n\r\n", b"content-length:"


class Instant(asyncio.Protocol):
    """Waits for the whole of a request, by its length, and answers without looking at it."""

    def connection_made(self, transport):
        self.transport, self.received = transport, b""

    def data_received(self, data):
        self.received += data
        while (size := self.request_size()) and len(self.received) >= size:
            self.received = self.received[size:]
            self.transport.write(RESPONSE)

    def request_size(self):
        """Bytes of the first request, 0 while its head is not whole."""
        end = self.received.find(HEAD_END)
        if end < 0:
            return 0
        head = self.received[:end].lower()
        at = head.find(LENGTH)
        return end + len(HEAD_END) + (int(head[at + len(LENGTH):].split(b"\r\n", 1)[0]) if at >= 0 else 0)


async def main():
    server = await asyncio.get_running_loop().create_server(Instant, "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
