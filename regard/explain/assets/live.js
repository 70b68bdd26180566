function addLive() {}
