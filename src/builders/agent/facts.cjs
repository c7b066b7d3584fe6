// Prints what node packages depend on, as one line of JSON.
console.log('wheelwright-facts node ' + JSON.stringify({
  executable: process.execPath,
  version: process.versions.node,
  platform: process.platform,
  arch: process.arch,
  modules: process.versions.modules,
}));
