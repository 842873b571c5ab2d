// Calls ProcessMaker's API with a token from Vault. Needs Node.js only.
//
//     const pm = new ProcessMaker("https://bpm.example.com")
//     try {
//       const { status, answer } = await pm.call("GET", "/users/42")
//     } finally {
//       await pm.close()
//     }
//
// The class reads a token with renew_mode=none and keeps it until shortly before its
// lease ends. It reads again once when ProcessMaker refuses the token, and close()
// revokes the token. VAULT_ADDR is the address of Vault. VAULT_TOKEN is not needed if
// that is a Vault Proxy with auto-auth. NODE_EXTRA_CA_CERTS adds certificate
// authorities.

import { createInterface } from "node:readline"
import { pathToFileURL } from "node:url"

export class ProcessMaker {
  #api
  #creds
  #token
  #again = 0 // when to read again
  #end = 0 // when the lease ends
  #young = 0 // a refused token is not replaced before this time
  #leases = new Map() // leases to revoke, and their ends
  #reading // one read at a time, the others wait

  constructor(url, creds = "processmaker/creds/app") {
    this.#api = url.replace(/\/+$/, "") + "/api/1.0"
    this.#creds = creds
  }

  // Returns the status and the decoded JSON, or undefined without JSON.
  async call(method, path, body) {
    const token = await this.#live()
    let result = await this.#send(method, path, body, token)
    if (result.status === 401) {
      // ProcessMaker did nothing for this call: send it again with another token.
      const other = await this.#live(token)
      if (other !== token) result = await this.#send(method, path, body, other)
    }
    return result
  }

  // Revokes the tokens at ProcessMaker. With sync Vault waits for that.
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
    // After a refusal of a token that was just read, another read does not help.
    const dead = refused !== undefined && refused === this.#token && now >= this.#young
    if (this.#token === undefined || now >= this.#again || dead) {
      this.#reading ??= this.#read(now).finally(() => (this.#reading = undefined))
      try {
        await this.#reading
      } catch (problem) {
        if (this.#token === undefined || now >= this.#end || dead) throw problem
        // The token is still valid: the next call tries again.
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
    // The previous lease runs to its end, for calls that are under way.
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

// Calls each path of the standard input, such as /users/42.
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
