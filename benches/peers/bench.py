"""What all comparisons share: the binary, the peers' Python, data, servers, folders. Standard library only."""
import json
import os
import shutil
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from processes import Unavailable, free_port, run, serving

HERE = Path(__file__).resolve().parent
CAMPAIGN = {"objective": "More visits on weekdays", "industry": "Bakery", "funnelStage": "Decision",
            "pastEngagement": "High"}
BOUNDARY = "peers-of-content-portal"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def take_turns(rounds, ours, peer):
    """Runs both once a round, each first in turn, so that changes of the machine's speed affect both."""
    for number in range(rounds):
        for work in (ours, peer) if number % 2 == 0 else (peer, ours):
            work(number)


@dataclass
class Bench:
    binary: Path
    pieces: Path
    load: Path
    python: Path
    cache: Path
    rounds: int
    slow_rounds: int
    rows: int
    seconds_of_load: int

    def sheet(self, rows, seed, slim=False):
        """A generated workbook, made once."""
        path = self.cache / f"customers-{rows}-{seed}{'-slim' if slim else ''}.xlsx"
        if not path.exists():
            run([sys.executable, HERE / "data.py", rows, path, "--seed", seed, *(["--slim"] if slim else [])])
        return path

    def folder(self, name):
        """An empty folder."""
        path = self.cache / "run" / name
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
        return path

    def base_data(self, name, sheet):
        """A folder of base data that holds one sheet."""
        day = self.folder(name) / "2026-01-01"
        day.mkdir()
        os.link(sheet, day / "customers.xlsx")
        return day.parent

    def settings(self, folder, **more):
        """content-portal's environment: everything it writes is below `folder`; the rest is as it comes."""
        data = {name: str(folder / name.lower()) for name in ["MODEL_DIR", "UPLOAD_DIR", "IMAGE_DIR", "STATE_DIR"]}
        here = {"PATH": os.environ["PATH"], "HOST": "127.0.0.1", "WRITER": "offline"}
        return {**here, **data, **more}

    def retrain(self, folder, base_data):
        """A training in a fresh process, and its report."""
        env = self.settings(folder, BASE_DATA_DIR=str(base_data))
        finished = run([self.binary, "retrain", "--force"], env, folder, whole_tree=True)
        return finished, json.loads((folder / "model_dir" / "current" / "report.json").read_text())

    def assign(self, model, rows, out):
        """`assign` over a file, in a fresh process."""
        script = 'exec "$0" assign --model "$1" < "$2" > "$3"'
        return run(["sh", "-c", script, self.binary, model, rows, out], self.settings(out.parent), out.parent)

    def trained(self, name, sheet=None):
        """A folder with a model of `sheet`, or of the 5,000 rows."""
        folder = self.folder(name)
        self.retrain(folder, self.base_data(f"{name}-base", sheet or self.sheet(5000, 1)))
        return folder

    def portal(self, folder, **more):
        """content-portal on a free port."""
        port = free_port()
        env = self.settings(folder, PORT=str(port), BASE_DATA_DIR=str(folder), **more)
        return serving([self.binary, "serve"], port, "/readyz", env, folder)

    def alone(self, piece, *arguments):
        """One piece of the library, by benches/side_by_side.rs: what it printed."""
        return run([self.pieces, piece, *arguments]).json()

    def peer(self, script, *arguments):
        """One peer, in a fresh process."""
        return run([self.python, HERE / "peers" / script, *arguments], env=self.peer_environment())

    def peer_environment(self, **more):
        return {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **more}

    def pickles(self):
        """The Flask service's trained model, made once: a pickle lasts as long as the pinned environment."""
        out = self.cache / "pickles"
        if not (out / "cluster_personas.pkl").exists():
            self.peer("retrain_as_original.py", self.sheet(5000, 1), out)
        return out

    def flask(self, workers, **more):
        """The Flask service behind gunicorn on a free port."""
        port = free_port()
        command = [self.python, "-m", "gunicorn", "--workers", workers, "--timeout", "1800",
                   "--bind", f"127.0.0.1:{port}", "--chdir", HERE, "flask_service:app"]
        return serving(command, port, "/healthz", self.peer_environment(MODEL_DIR=str(self.pickles()), **more))

    def upload_of(self, sheet, number=0):
        """A multipart body with the sheet and the campaign's inputs, as a file.

        The archive's comment holds `number`, so that no two uploads are the same bytes.
        """
        body = self.folder("bodies") / f"{sheet.stem}-{number}.body"
        copy = body.with_suffix(".xlsx")
        shutil.copy(sheet, copy)
        with zipfile.ZipFile(copy, "a") as archive:
            archive.comment = str(number).encode()
        with body.open("wb") as out:
            for name, value in CAMPAIGN.items():
                out.write(f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode())
            out.write(f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="customers.xlsx"\r\n'
                      f"Content-Type: {XLSX}\r\n\r\n".encode())
            with copy.open("rb") as file:
                shutil.copyfileobj(file, out, 1 << 20)
            out.write(f"\r\n--{BOUNDARY}--\r\n".encode())
        return body

    def upload(self, server, sheet, number=0):
        """Seconds of one upload, from the first byte sent to the last received."""
        body = self.upload_of(sheet, number)
        headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
                   "Content-Length": str(body.stat().st_size)}
        with body.open("rb") as file:
            answer, seconds = server.ask_well("POST", "/upload-excel", body=file, headers=headers)
        if b'"clusters"' not in answer:
            raise Unavailable("the answer to the upload has no clusters")
        return seconds
