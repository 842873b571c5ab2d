package main

// version is the release: Vault shows it, and ProcessMaker gets it in the User-Agent.
const version = "v0.1.0"

const userAgent = "vault-plugin-secrets-processmaker/" + version
