"""A plain Flask service that does what the original did, to be measured beside content-portal.

    MODEL_DIR=pickles gunicorn --workers 2 --timeout 900 --chdir benches/peers flask_service:app

Written from the steps of the original. A form is validated, encoded, scaled, mapped by umap-learn, labelled by hdbscan,
and given its cluster's persona and a prompt. An upload is encoded, scaled and mapped by the trained model; its
positions are then clustered anew, and the segments are written one after the other. UPSTREAM_URL is the address of the
model API; each worker keeps one connection to it. Without it a canned answer is used at no cost. For measuring only.
"""
import http.client
import json
import os
import sys
import tempfile
import urllib.parse
from pathlib import Path

import hdbscan
import joblib
import pandas as pd
from flask import Flask, jsonify, request

sys.path.insert(0, str(Path(__file__).parent / "peers"))
import original

MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
          "December"]
ONE_OF = {
    "gender": ["Male", "Female", "Other"],
    "loyalty_tier": list(original.TIERS),
    "join_month": MONTHS,
    "marketing_funnel_stage": ["Awareness", "Consideration", "Decision", "Loyalty"],
    "past_engagement": ["High", "Moderate", "Low"],
    "platform": ["Instagram", "Facebook", "LinkedIn", "TikTok", "Email", "Website"],
    "post_type": ["Text", "Image", "Both"],
    "tone": ["Professional", "Fun", "Empathetic", "Casual", "Playful"],
}
CANNED = json.dumps({"variants": ["Fresh bread at nine."], "image_prompt": "A counter.", "slogan": "Warm bread"})

app = Flask(__name__)
MODEL_DIR = Path(os.environ.get("MODEL_DIR", "models"))
MODEL = {name: joblib.load(MODEL_DIR / f"{name}.pkl") for name in
         ["encoder", "scaler", "umap_model", "HDBSCAN_cluster_model", "cluster_personas"]}


class Upstream:
    """Writes a prompt's text, over one kept connection."""

    def __init__(self, url):
        self.address = urllib.parse.urlsplit(url) if url else None
        self.connection = None

    def write(self, prompt):
        if self.address is None:
            return json.loads(CANNED)
        body = json.dumps({"model": "instant", "messages": [{"role": "user", "content": prompt}]})
        if self.connection is None:
            self.connection = http.client.HTTPConnection(self.address.hostname, self.address.port, timeout=30)
        path = self.address.path + "/chat/completions"
        self.connection.request("POST", path, body, {"Content-Type": "application/json"})
        answer = json.loads(self.connection.getresponse().read())
        return json.loads(answer["choices"][0]["message"]["content"])


UPSTREAM = Upstream(os.environ.get("UPSTREAM_URL"))


def faults(form):
    """What is wrong with the form, by field."""
    wrong = {name: f"one of {', '.join(allowed)}" for name, allowed in ONE_OF.items() if form.get(name) not in allowed}
    if not 2000 <= int(form.get("join_year", 0)) <= 2100:
        wrong["join_year"] = "a year from 2000 to 2100"
    for name in ["objective", "industry"]:
        if not 1 <= len(str(form.get(name, ""))) <= 100:
            wrong[name] = "1 to 100 characters"
    return wrong


def placed(table):
    """The positions of a cleaned table's rows on the trained map.

    umap-learn recognises the very rows that it was fitted on and returns their positions without a computation.
    """
    return MODEL["umap_model"].transform(original.features(table, MODEL["encoder"], MODEL["scaler"]))


def cluster_of(form):
    """Encodes, maps and labels one customer; the cluster's id and persona."""
    month = MONTHS.index(form["join_month"]) + 1
    row = pd.DataFrame([{
        "Location": form["location"].title(), "Gender": form["gender"], "Join_Year": int(form["join_year"]),
        "Join_Month": month, "Join_Quarter": (month + 2) // 3,
        "Loyalty_Tier_Score": original.TIERS[form["loyalty_tier"]],
    }])
    labels, _ = hdbscan.approximate_predict(MODEL["HDBSCAN_cluster_model"], placed(row))
    return int(labels[0]), MODEL["cluster_personas"].get(int(labels[0]), {})


def prompt_of(traits, campaign):
    return (f"You write marketing content. Audience: {json.dumps(traits)}. Campaign: {json.dumps(campaign)}. "
            "Answer in JSON with variants, image_prompt and slogan.")


@app.get("/healthz")
def healthz():
    return jsonify(status="ok")


@app.post("/generate-promo")
def generate_promo():
    form = request.get_json()
    wrong = faults(form)
    if wrong:
        return jsonify(error="Validation failed", details=wrong), 422
    cluster_id, traits = cluster_of(form)
    prompt = prompt_of(traits, form)
    written = UPSTREAM.write(prompt)
    return jsonify(
        generated_result=written["variants"], prompt_used=prompt, cluster_id=cluster_id, persona=traits,
        fields_used={"from_cluster": sorted(traits), "from_user_input": sorted(form), "optional_inputs": []},
    )


def segment_of(label, rows, campaign):
    """One cluster of an upload, written by one call."""
    traits = original.persona(rows)
    prompt = prompt_of(traits, campaign)
    written = UPSTREAM.write(prompt)
    members = rows.drop(columns=["Full Name", "Email Address", "Phone Number", "Notes"], errors="ignore")
    members = members.assign(cluster_id=label, **{"Date Joined": members["Date Joined"].dt.strftime("%Y-%m-%d")})
    return {
        "cluster_id": label, "persona": traits, "persona_summary": original.summary(traits),
        "default_post": written["variants"][0], "prompt_used": prompt, "members": members.to_dict("records"),
        "campaign_inputs": campaign,
    }


@app.post("/upload-excel")
def upload_excel():
    sent = request.files.get("file")
    if sent is None or not sent.filename.endswith((".xlsx", ".xls")):
        return jsonify(error="an .xlsx or .xls file is needed"), 400
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "upload.xlsx"
        sent.save(path)
        table = original.clean(original.read(path))
    labels = original.fit_clusters(placed(table)).labels_
    campaign = {name: request.form.get(name, "") for name in ["objective", "industry", "funnelStage", "pastEngagement"]}
    found = [segment_of(int(label), table[labels == label], campaign) for label in sorted(set(labels) - {-1})]
    return jsonify(clusters=found)
