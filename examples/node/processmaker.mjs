// Calls ProcessMaker's API with a token from Vault, by what Node.js brings alone.
// Run with Vault 1.21.1 and Node.js 20 by the tests of this repository.
//
//     const pm = new ProcessMaker("https://bpm.example.com")
//     try {
//       const { status, answer } = await pm.call("GET", "/users/42")
//     } finally {
//       await pm.close()
//     }
//
// The token is read with renew_mode=none, kept until shortly before its lease
// ends, read again once where ProcessMaker refuses it, and ended with the program.
// Vault is where VAULT_ADDR says; VAULT_TOKEN is not needed where that is a Vault
// Proxy that signs in by itself. NODE_EXTRA_CA_CERTS names authorities to add.

import { createInterface } from "node:readline"
import { pathToFileURL } from "node:url"

export class ProcessMaker {
  #api
  #creds
  #token
  #again = 0 // when to read again
  #end = 0 // when the lease ends
  #young = 0 // until when a refused token is not replaced
  #leases = new Map() // what has to be ended, with its end
  #reading // one read at a time: the others wait for its token

  constructor(url, creds = "processmaker/creds/service") {
    this.#api = url.replace(/\/+$/, "") + "/api/1.0"
    this.#creds = creds
  }

  // Gives the status and the decoded JSON, undefined where there is none.
  async call(method, path, body) {
    const token = await this.#live()
    let result = await this.#send(method, path, body, token)
    if (result.status === 401) {
      // Nothing was done for this call: with another token it is sent again.
      const other = await this.#live(token)
      if (other !== token) result = await this.#send(method, path, body, other)
    }
    return result
  }

  // Ends the tokens at ProcessMaker; with sync Vault waits for that.
  async close() {
    await this.#reading?.catch(() => {})
    const leases = [...this.#leases.keys()]
    this.#leases.clear()
    this.#token = undefined
    for (const lease of leases) {
      await this.#vault("PUT", "sys/leases/revoke/" + lease, { sync: true }).catch((problem) =>
        console.error(`${lease} ends by itself: ${problem.message}`))
    }
  }

  async #live(refused) {
    const now = performance.now() / 1000
    // A token that was just read and is refused would be refused again.
    const dead = refused !== undefined && refused === this.#token && now >= this.#young
    if (this.#token === undefined || now >= this.#again || dead) {
      this.#reading ??= this.#read(now).finally(() => (this.#reading = undefined))
      try {
        await this.#reading
      } catch (problem) {
        if (this.#token === undefined || now >= this.#end || dead) throw problem
        // The token has some time left: the next call tries again.
      }
    }
    return this.#token
  }

  async #read(now) {
    const secret = await this.#vault("GET", this.#creds + "?renew_mode=none")
    const seconds = secret.lease_duration
    const margin = Math.min(60, seconds / 10)
    this.#token = secret.data.access_token
    this.#again = now + seconds - margin
    this.#end = now + seconds
    this.#young = now + margin
    // The lease before is left to its end, for calls that are under way.
    for (const [lease, end] of this.#leases) if (end <= now) this.#leases.delete(lease)
    this.#leases.set(secret.lease_id, this.#end)
  }

  async #vault(method, path, body) {
    const headers = { "X-Vault-Request": "true" }
    if (process.env.VAULT_TOKEN) headers["X-Vault-Token"] = process.env.VAULT_TOKEN
    if (process.env.VAULT_NAMESPACE) headers["X-Vault-Namespace"] = process.env.VAULT_NAMESPACE
    const url = process.env.VAULT_ADDR.replace(/\/+$/, "") + "/v1/" + path
    const { status, answer } = await exchange(method, url, headers, body)
    if (status >= 300) throw new Error(`Vault answers ${status}: ${answer?.errors?.join("; ")}`)
    return answer
  }

  #send(method, path, body, token) {
    return exchange(method, this.#api + path, { Authorization: "Bearer " + token }, body)
  }
}

async function exchange(method, url, headers, body) {
  const response = await fetch(url, {
    method,
    headers: { Accept: "application/json", "Content-Type": "application/json", ...headers },
    body: body === undefined ? undefined : JSON.stringify(body),
    redirect: "error",
    signal: AbortSignal.timeout(60_000),
  })
  const text = await response.text()
  let answer
  try {
    answer = JSON.parse(text)
  } catch {
    // no JSON
  }
  return { status: response.status, answer }
}

// Asks for each path that comes in, such as /users/42.
async function main() {
  const pm = new ProcessMaker(process.env.PROCESSMAKER_URL, process.env.PROCESSMAKER_CREDS)
  const lines = createInterface({ input: process.stdin })
  process.on("SIGTERM", () => pm.close().finally(() => process.exit(143)))
  try {
    for await (const line of lines) {
      const said = await pm.call("GET", line.trim()).then(({ status }) => status, (problem) => problem.message)
      console.log(String(said))
    }
  } finally {
    await pm.close()
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) await main()
