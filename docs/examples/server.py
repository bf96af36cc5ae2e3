"""A server of one model: each connection is a stream and gets segments once final.

``MODEL=model.sslts uvicorn server:app`` serves the model, ``--workers 4`` in four
processes. A client sends the next samples of its signal as bytes: float32,
little-endian, all channels of a sample together. The text "end" ends the stream. Each
message is answered in JSON: ``{"seen": ..., "segments": [...]}``, or ``{"error": ...}``
for samples that are refused; the stream then continues without them.
"""

import os
from contextlib import asynccontextmanager

import numpy as np
import sslts
from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from fastapi.concurrency import run_in_threadpool
from sslts.persistence import read_card

model = {}


@asynccontextmanager
async def load_model(_):
    """Load the model once in each process. A forked one lacks the threads of torch."""
    path, device = os.environ["MODEL"], os.environ.get("DEVICE", "cpu")
    model.update(segmenter=sslts.load(path, device=device), card=read_card(path))
    sslts.StreamSegmenter(model["segmenter"])  # raises now if it can't run on a stream
    yield


app = FastAPI(title="Segments of streams", lifespan=load_model)


@app.get("/health")
async def tell_health():
    """Say that the model is loaded: before that, the server answers nothing."""
    return {"status": "ok"}


@app.get("/version")
async def tell_version():
    """Say which model is served, and by which version of sslts."""
    known = {name: model["card"][name] for name in ("estimator", "classes", "channels")}
    return {"sslts": sslts.__version__, **known}


@app.websocket("/stream")
async def segment(socket: WebSocket):
    """Segment the stream of one connection."""
    await socket.accept()
    stream = sslts.StreamSegmenter(model["segmenter"])
    while (message := await socket.receive())["type"] == "websocket.receive":
        try:
            # In a thread, so that other connections are served meanwhile.
            if message.get("bytes") is None:
                table = await run_in_threadpool(stream.flush)
            else:
                samples = np.frombuffer(message["bytes"], dtype="<f4")
                chunk = samples.reshape(-1, model["card"]["channels"]).T
                table = await run_in_threadpool(stream.push, chunk)
            answer = {"seen": stream.seen, "segments": table.to_dict("records")}
        except ValueError as error:
            answer = {"error": str(error)}
        try:
            await socket.send_json(answer)
        except WebSocketDisconnect:
            return
