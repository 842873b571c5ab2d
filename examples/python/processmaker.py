"""Calls ProcessMaker's API with a token from Vault. Needs the standard library only.

    with ProcessMaker("https://bpm.example.com") as pm:
        status, user = pm.call("GET", "/users/42")

The class reads a token with renew_mode=none and keeps it until shortly before its
lease ends. It reads again once when ProcessMaker refuses the token, and revokes the
token at the end of the program. VAULT_ADDR is the address of Vault. VAULT_TOKEN is
not needed if that is a Vault Proxy with auto-auth. SSL_CERT_FILE replaces the
certificate authorities of the system.
"""
import atexit
import json
import os
import signal
import sys
import threading
import time
from urllib import error, request


class ProcessMaker:
    def __init__(self, url, creds="processmaker/creds/app"):
        self.api = url.rstrip("/") + "/api/1.0"
        self.creds = creds
        self.lock = threading.Lock()  # one thread reads, the others wait
        self.token = None
        self.again = self.end = 0  # when to read again; when the lease ends
        self.young = 0  # a refused token is not replaced before this time
        self.leases = {}  # leases to revoke, and their ends
        atexit.register(self.close)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def call(self, method, path, body=None):
        """Returns the status and the decoded JSON, or None without JSON."""
        token = self._live()
        status, answer = self._send(method, path, body, token)
        if status == 401:
            # ProcessMaker did nothing for this call: send it again with another token.
            other = self._live(refused=token)
            if other != token:
                status, answer = self._send(method, path, body, other)
        return status, answer

    def close(self):
        """Revokes the tokens at ProcessMaker. With sync Vault waits for that."""
        with self.lock:
            leases, self.leases, self.token = self.leases, {}, None
        for lease in leases:
            try:
                self._vault("PUT", "sys/leases/revoke/" + lease, {"sync": True})
            except OSError as problem:
                print(f"{lease} ends by itself: {problem}", file=sys.stderr)

    def _live(self, refused=None):
        with self.lock:
            now = time.monotonic()
            # After a refusal of a token that was just read, another read does not help.
            dead = refused is not None and refused == self.token and now >= self.young
            if self.token is None or now >= self.again or dead:
                try:
                    self._read(now)
                except OSError:
                    if self.token is None or now >= self.end or dead:
                        raise
                    # The token is still valid: the next call tries again.
            return self.token

    def _read(self, now):
        secret = self._vault("GET", self.creds + "?renew_mode=none")
        seconds = secret["lease_duration"]
        margin = min(60, seconds / 10)
        self.token = secret["data"]["access_token"]
        self.again, self.end, self.young = now + seconds - margin, now + seconds, now + margin
        # The previous lease runs to its end, for calls that are under way.
        self.leases = {lease: end for lease, end in self.leases.items() if end > now}
        self.leases[secret["lease_id"]] = self.end

    def _vault(self, method, path, body=None):
        headers = {"X-Vault-Request": "true"}
        if os.environ.get("VAULT_TOKEN"):
            headers["X-Vault-Token"] = os.environ["VAULT_TOKEN"]
        if os.environ.get("VAULT_NAMESPACE"):
            headers["X-Vault-Namespace"] = os.environ["VAULT_NAMESPACE"]
        return _exchange(method, os.environ["VAULT_ADDR"].rstrip("/") + "/v1/" + path, headers, body)[1]

    def _send(self, method, path, body, token):
        try:
            return _exchange(method, self.api + path, {"Authorization": "Bearer " + token}, body)
        except error.HTTPError as refusal:
            text = refusal.read()
            try:
                return refusal.code, json.loads(text)
            except ValueError:
                return refusal.code, None


class _NoRedirects(request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None  # the token must not go to another host


_opener = request.build_opener(_NoRedirects)


def _exchange(method, url, headers, body):
    headers = {"Accept": "application/json", "Content-Type": "application/json", **headers}
    data = None if body is None else json.dumps(body).encode()
    with _opener.open(request.Request(url, data, headers, method=method), timeout=60) as answer:
        text = answer.read()
        return answer.status, json.loads(text) if text else None


def main():
    """Calls each path of the standard input, such as /users/42."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that close is called
    with ProcessMaker(os.environ["PROCESSMAKER_URL"], os.environ["PROCESSMAKER_CREDS"]) as pm:
        for line in iter(sys.stdin.readline, ""):
            try:
                print(pm.call("GET", line.strip())[0], flush=True)
            except OSError as problem:
                print(problem, flush=True)


if __name__ == "__main__":
    main()
