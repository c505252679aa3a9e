"""The multi-head attention explorer: `streamlit run app.py`.

One file, two roles. The server imports it and gets `app`, with its headers, warm-up and error sentence. Every
run of a visitor's page executes it as a script: it lists the pages, draws what they share, and runs one.
A script in another folder would do for the server, but AppTest finds pages relative to this file.
"""

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

if get_script_run_ctx(suppress_warning=True) is None:  # imported by the server
    from pages.frame import server

    server.switch_off_page_discovery()
    app = st.App(
        __file__,
        middleware=server.MIDDLEWARE,
        lifespan=server.warm_up,
        on_script_error=server.say_one_sentence,
    )
else:  # run for a visitor
    from pages.frame import show, take

    st.set_page_config(
        page_title="Multi-head attention explorer", layout="wide", initial_sidebar_state="collapsed"
    )
    PAGES = [
        # the default page has no path of its own: links to it use "/"
        st.Page("pages/learn/walkthrough.py", title="Walkthrough", default=True),
        st.Page("pages/learn/heads.py", title="Heads", url_path="heads"),
        st.Page("pages/learn/layouts.py", title="Two layouts", url_path="layouts"),
        st.Page("pages/learn/weights.py", title="Weights", url_path="weights"),
        st.Page("pages/learn/reference.py", title="Reference", url_path="reference"),
    ]
    page = st.navigation(PAGES, position="hidden")
    show.frame(PAGES, page, take.away)
    page.run()
