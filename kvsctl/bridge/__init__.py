"""The bridge: a function in a Forge app through which kvsctl reaches the store of an installation.

`kvsctl-bridge.ts` is the function, and `kvsctl-bridge.js` is the same without its types.

- `function`: the function as a file of an app, and the names that it shares with kvsctl.
- `app_folder`: write the file into an app, and remove it.
- `steps`: the user's next steps, as text.
"""
