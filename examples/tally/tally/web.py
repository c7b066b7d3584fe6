"""The web role: a page with a form, a page for each job, and JSON."""

import os

from flask import Flask, abort, jsonify, redirect, render_template, request, url_for

from . import queue

app = Flask(__name__, static_folder=os.environ.get("TALLY_STATIC", "/app/static"), static_url_path="/static")


@app.get("/")
def page():
    return render_template("page.html", job=None)


@app.post("/jobs")
def submit():
    text = request.form.get("text", "")
    if not text.strip():
        abort(400, "the text is empty")
    return redirect(url_for("job", job=queue.submit(queue.connect(), text)), code=303)


@app.get("/jobs/<job>")
def job(job):
    if queue.look(queue.connect(), job) is None:
        abort(404)
    return render_template("page.html", job=job)


@app.get("/jobs/<job>.json")
def job_json(job):
    answer = queue.look(queue.connect(), job)
    if answer is None:
        abort(404)
    return jsonify(answer)


@app.get("/health")
def health():
    queue.connect().ping()
    return jsonify(ok=True)
