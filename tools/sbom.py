#!/usr/bin/env python3
"""Lists what the shipped binary is made of: a CycloneDX 1.6 bill of materials, and the licences' texts.

    python3 tools/sbom.py FOLDER        # writes FOLDER/sbom.cdx.json and FOLDER/licences.txt

It asks cargo for the dependencies that are linked on Linux with the features of a release (Cargo.lock decides), takes
checksums from Cargo.lock and the texts from the crates' own sources, and adds the fonts in assets/. The same commit
gives the same files. It ends with an error where a crate names no licence and has no text of one.
"""

import collections
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tomllib
import uuid
from datetime import UTC, datetime

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = "x86_64-unknown-linux-gnu"
FEATURES = "jemalloc"
PRODUCT = "content-portal"
# What the files of licences and notices are called, in capitals.
NOTICES = ("LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE", "UNLICENSE")


def run(*command):
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def linked(metadata):
    """The packages that are linked into the product, and for each what it is linked with."""
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    product = next(package["id"] for package in metadata["packages"] if package["name"] == PRODUCT)
    graph, waiting = {}, [product]
    while waiting:
        package = waiting.pop()
        if package in graph:
            continue
        is_linked = [
            dependency["pkg"]
            for dependency in nodes[package]["deps"]
            if any(kind["kind"] is None for kind in dependency["dep_kinds"])
        ]
        graph[package] = sorted(set(is_linked))
        waiting += graph[package]
    return product, graph


def reference(package):
    return f"pkg:cargo/{package['name']}@{package['version']}"


def component(package, checksums, kind="library"):
    described = {
        "type": kind,
        "bom-ref": reference(package),
        "name": package["name"],
        "version": package["version"],
        "purl": reference(package),
    }
    if package["license"]:
        # Cargo has taken a slash for "or" once.
        described["licenses"] = [{"expression": package["license"].replace("/", " OR ")}]
    checksum = checksums.get((package["name"], package["version"]))
    if checksum:
        described["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    if package["repository"]:
        described["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
    return described


def bill(product, graph, packages, checksums, lock):
    when = int(os.environ.get("SOURCE_DATE_EPOCH") or run("git", "log", "-1", "--format=%ct"))
    others = sorted((packages[package] for package in graph if package != product), key=reference)
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, hashlib.sha256(lock).hexdigest())}",
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(when, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": component(packages[product], checksums, "application"),
        },
        "components": [*(component(package, checksums) for package in others), *(font for font, _ in fonts())],
        "dependencies": [
            {"ref": reference(packages[package]), "dependsOn": sorted(reference(packages[one]) for one in on)}
            for package, on in sorted(graph.items())
        ],
    }


def texts(package):
    """The texts of a package's licences and notices."""
    folder = pathlib.Path(package["manifest_path"]).parent
    named = {path for path in folder.iterdir() if path.is_file() and path.name.upper().startswith(NOTICES)}
    if package["license_file"]:
        named.add(folder / package["license_file"])
    return [path.read_text(encoding="utf-8", errors="replace").strip() for path in sorted(named)]


def fonts():
    """The built-in fonts as components, and the text of each one's licence."""
    for notice in sorted((ROOT / "assets" / "fonts").glob("*-OFL.txt")):
        family = notice.name.removesuffix("-OFL.txt")
        for font in sorted(notice.parent.glob(f"{family}-*.ttf")):
            described = {"type": "file", "bom-ref": f"font:{font.name}", "name": font.name}
            described["licenses"] = [{"expression": "OFL-1.1"}]
            described["hashes"] = [{"alg": "SHA-256", "content": hashlib.sha256(font.read_bytes()).hexdigest()}]
            yield described, notice.read_text(encoding="utf-8").strip()


def licences(packages):
    """The texts, each once, below the names of the packages that have it; and the packages without any."""
    who, without = collections.defaultdict(list), []
    for described, text in fonts():
        who[text].append(f"{described['name']} (OFL-1.1)")
    for package in packages:
        name = f"{package['name']} {package['version']} ({package['license'] or 'no licence'})"
        found = texts(package)
        for text in found:
            who[text].append(name)
        if not found:
            without.append(name)
    parts = ["The licences and notices of what is linked into content-portal."]
    if without:
        parts.append("Without a text of their own, under the licence that is named:\n" + "\n".join(sorted(without)))
    for text, names in sorted(who.items(), key=lambda item: item[1]):
        parts.append("\n".join(sorted(set(names))) + "\n\n" + text)
    return f"\n\n{'-' * 80}\n\n".join(parts) + "\n"


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    out = pathlib.Path(sys.argv[1])
    asked = ["cargo", "metadata", "--locked", "--format-version", "1", "--features", FEATURES]
    metadata = json.loads(run(*asked, "--filter-platform", TARGET))
    packages = {package["id"]: package for package in metadata["packages"]}
    product, graph = linked(metadata)
    lock = (ROOT / "Cargo.lock").read_bytes()
    locked = tomllib.loads(lock.decode())["package"]
    checksums = {(one["name"], one["version"]): one["checksum"] for one in locked if "checksum" in one}
    # Crates of this workspace have no licence until their owner chooses one.
    strangers = [packages[package] for package in graph if packages[package]["source"]]
    unlicensed = [package["name"] for package in strangers if not package["license"] and not texts(package)]
    if unlicensed:
        sys.exit(f"these crates have no licence: {', '.join(sorted(unlicensed))}")
    out.mkdir(parents=True, exist_ok=True)
    listed = bill(product, graph, packages, checksums, lock)
    (out / "sbom.cdx.json").write_text(json.dumps(listed, indent=2) + "\n", encoding="utf-8")
    (out / "licences.txt").write_text(licences(strangers), encoding="utf-8")
    print(f"{out}: {len(listed['components'])} components")


if __name__ == "__main__":
    main()
