"""Requests for `/generate-promo`, as many as a service takes: by `wrk`, or by a small client of its own.

Standard library only.
"""
import asyncio
import json
import random
import re
import shutil
import time

import data
from processes import Unavailable, run

CONNECTIONS = 16
MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
          "December"]


def form(customer):
    """What the portal's form sends for one customer."""
    joined = customer["Date Joined"]
    return {
        "gender": customer["Gender"], "location": customer["Location"], "loyalty_tier": customer["Loyalty Tier"],
        "join_year": joined.year, "join_month": MONTHS[joined.month - 1], "objective": "More visits on weekdays",
        "industry": "Bakery", "marketing_funnel_stage": "Consideration", "past_engagement": "Moderate",
        "platform": "Facebook", "post_type": "Text", "tone": "Fun", "num_variants": 1,
    }


def forms(seed, count=500):
    """Bodies of requests for customers of the sheet that `seed` draws."""
    drawn = random.Random(seed).sample(list(data.customers(5000, seed)), count)
    return [json.dumps(form(customer)) for customer in drawn]


def lua(bodies):
    """wrk's script: one body after the other."""
    listed = ",\n".join(f"[[{body}]]" for body in bodies)
    return (f'local bodies = {{\n{listed}\n}}\nlocal k = 0\nwrk.method = "POST"\n'
            'wrk.headers["Content-Type"] = "application/json"\n'
            "request = function()\n  k = k % #bodies + 1\n  return wrk.format(nil, nil, nil, bodies[k])\nend\n")


def by_wrk(port, bodies, seconds, folder):
    script = folder / "forms.lua"
    script.write_text(lua(bodies))
    url = f"http://127.0.0.1:{port}/generate-promo"
    said = run(["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "30s", "-s", script, url]).stdout
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    if refused:
        raise Unavailable(f"{refused[1]} requests of the load were refused")
    return float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1])


async def one_connection(port, bodies, until):
    """Requests answered with 200 on one kept connection; it is made anew where the service closes it."""
    done, reader, writer = 0, None, None
    while time.monotonic() < until:
        if writer is None:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        body = bodies[done % len(bodies)].encode()
        writer.write(b"POST /generate-promo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                     b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        await reader.readexactly(int(re.search(rb"content-length: (\d+)", head)[1]))
        if not head.startswith(b"http/1.1 200"):
            raise Unavailable(f"a request of the load was answered with {head.split()[1].decode()}")
        done += 1
        if b"connection: close" in head:
            writer.close()
            writer = None
    return done


async def by_connections(port, bodies, seconds):
    until = time.monotonic() + seconds
    shares = [bodies[k::CONNECTIONS] for k in range(CONNECTIONS)]
    return sum(await asyncio.gather(*(one_connection(port, share, until) for share in shares))) / seconds


def name():
    return "wrk" if shutil.which("wrk") else "a client in Python, itself a limit (install wrk)"


def requests_a_second(port, bodies, seconds, folder):
    if shutil.which("wrk"):
        return by_wrk(port, bodies, seconds, folder)
    return asyncio.run(by_connections(port, bodies, seconds))
