"""What the Flask service did with a sheet, step by step: the work that the other peers time.

The defects stay in: a training fits every row, copies included, and one form takes all of umap-learn's transform.
Used by retrain_as_original.py and by flask_service.py; holds no service and no clock.
"""
import warnings

import hdbscan
import numpy as np
import pandas as pd
import umap
from sklearn.preprocessing import OneHotEncoder, StandardScaler

warnings.simplefilter("ignore")
ALIASES = {
    "Customer ID": ["customer id", "customer_id", "cust_id", "id"],
    "Gender": ["gender", "sex"],
    "Loyalty Tier": ["loyalty tier", "loyalty_tier", "tier", "membership_level"],
    "Date Joined": ["date joined", "date_joined", "joined_date", "join_date", "ks date", "date"],
    "Location": ["location", "branch", "region"],
}
USED = ["Date Joined", "Location", "Gender", "Loyalty Tier"]
CATEGORICAL = ["Location", "Gender", "Join_Year", "Join_Month", "Join_Quarter"]
SCALED = ["Loyalty_Tier_Score"]
TIERS = {"Silver": 1, "Gold": 2, "Platinum": 3}
UMAP_PARAMS = {"n_neighbors": 120, "min_dist": 0.1, "n_components": 10, "random_state": 42}
HDBSCAN_PARAMS = {"min_cluster_size": 400, "min_samples": 5, "prediction_data": True}


def read(path):
    """The sheet's rows under the names of ALIASES."""
    table = pd.read_excel(path, engine="openpyxl")
    known = {alias: title for title, aliases in ALIASES.items() for alias in aliases}
    return table.rename(columns={title: known.get(str(title).strip().lower(), title) for title in table.columns})


def clean(table):
    """Rows that can be used, with the parts of the date and the tier's number beside them."""
    table = table.drop_duplicates().dropna(subset=USED).copy()
    table["Date Joined"] = pd.to_datetime(table["Date Joined"], errors="coerce")
    table = table[table["Date Joined"].notna() & (table["Date Joined"] <= pd.Timestamp.now())].copy()
    for title in ["Location", "Gender", "Loyalty Tier"]:
        table[title] = table[title].astype(str).str.strip().str.title()
    table = table[table["Loyalty Tier"].isin(list(TIERS))].copy()
    joined = table["Date Joined"].dt
    table["Join_Year"], table["Join_Month"], table["Join_Quarter"] = joined.year, joined.month, joined.quarter
    table["Loyalty_Tier_Score"] = table["Loyalty Tier"].map(TIERS)
    return table


def fit_encoders(table):
    """The one-hot encoder and the scaler of a cleaned table."""
    encoder = OneHotEncoder(sparse_output=False, handle_unknown="ignore").fit(table[CATEGORICAL])
    return encoder, StandardScaler().fit(table[SCALED])


def features(table, encoder, scaler):
    """(rows, about 50) f64."""
    return np.hstack([encoder.transform(table[CATEGORICAL]), scaler.transform(table[SCALED])])


def fit_map(points):
    return umap.UMAP(**UMAP_PARAMS).fit(points)


def fit_clusters(embedding):
    return hdbscan.HDBSCAN(**HDBSCAN_PARAMS).fit(embedding)


def persona(rows):
    """The most frequent values of one cluster's rows."""
    def top(title, count):
        return [value.item() if hasattr(value, "item") else value for value in rows[title].value_counts().index[:count]]

    return {
        "Top_Gender": top("Gender", 1)[0],
        "Top_Locations": top("Location", 3),
        "Top_Loyalty_Tier": top("Loyalty Tier", 1)[0],
        "Top_Join_Quarter": top("Join_Quarter", 1)[0],
        "Top_Join_Years": top("Join_Year", 2),
        "Top_Join_Months": top("Join_Month", 2),
    }


def personas(table, labels):
    """Persona by cluster id; noise has none."""
    return {int(label): persona(table[labels == label]) for label in sorted(set(labels) - {-1})}


def summary(traits):
    locations = ", ".join(traits["Top_Locations"])
    return (f"{traits['Top_Loyalty_Tier']} tier {traits['Top_Gender'].lower()}s from {locations} "
            f"who joined in Quarter {traits['Top_Join_Quarter']} of {traits['Top_Join_Years'][0]}")
