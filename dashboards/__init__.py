"""Dashboards: a Streamlit app of thin pages over a library of recordings and results."""
