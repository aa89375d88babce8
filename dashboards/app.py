"""The app: one navigation built from the registry. Start it with ``workbench dashboard``."""

import streamlit as st
from PIL import Image

from dashboards.navigation import navigation

if __name__ == "__main__":
    # An icon of its own: streamlit would fetch the icon of the page from a font server.
    icon = Image.new("RGB", (16, 16), "#0b5a94")
    st.set_page_config(page_title="Workbench", page_icon=icon, layout="wide")
    navigation().run()
