// Builds the page when it is opened.

function start() {
  const data = JSON.parse(byId("data").textContent);
  addTools();
  if (data.matrix) {
    addMatrix();
    for (const part of ["steps", "model"]) byId(part).hidden = true;
    showTrace(decodeTrace(data.matrix));
    return;
  }
  addCard();
  addPlayer();
  addMatrix();
  addBeam();
  addModel();
  if (data.example) addExample(data.example);
  else {
    if (data.live) addLive(data.live);
    showTrace(decodeTrace(data.trace));
  }
}

start();
