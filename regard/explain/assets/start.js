// What the page does when it is opened.

function start() {
  const data = JSON.parse(byId("data").textContent);
  addTools();
  addCard();
  addPlayer();
  addMatrix();
  addBeam();
  addModel();
  if (data.example) addExample(data.example);
  else {
    if (data.live) addLive(data.live);
    showTrace(unpackTrace(data.trace));
  }
}

start();
