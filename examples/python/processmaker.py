"""Calls ProcessMaker's API with a token from Vault, by Python's standard library
alone. Run with Vault 1.21.1 and Python 3.11 by the tests of this repository.

    with ProcessMaker("https://bpm.example.com") as pm:
        status, user = pm.call("GET", "/users/42")

The token is read with renew_mode=none, kept until shortly before its lease ends,
read again once where ProcessMaker refuses it, and ended with the program. Vault
is where VAULT_ADDR says; VAULT_TOKEN is not needed where that is a Vault Proxy
that signs in by itself. SSL_CERT_FILE names other authorities than the system's.
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
    def __init__(self, url, creds="processmaker/creds/service"):
        self.api = url.rstrip("/") + "/api/1.0"
        self.creds = creds
        self.lock = threading.Lock()  # one thread reads, the others wait for its token
        self.token = None
        self.again = self.end = 0  # when to read again; when the lease ends
        self.young = 0  # until when a refused token is not replaced
        self.leases = {}  # what has to be ended, with its end
        atexit.register(self.close)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def call(self, method, path, body=None):
        """Answers the status and the decoded JSON, None where there is none."""
        token = self._live()
        status, answer = self._send(method, path, body, token)
        if status == 401:
            # Nothing was done for this call: with another token it is sent again.
            other = self._live(refused=token)
            if other != token:
                status, answer = self._send(method, path, body, other)
        return status, answer

    def close(self):
        """Ends the tokens at ProcessMaker; with sync Vault waits for that."""
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
            # A token that was just read and is refused would be refused again.
            dead = refused is not None and refused == self.token and now >= self.young
            if self.token is None or now >= self.again or dead:
                try:
                    self._read(now)
                except OSError:
                    if self.token is None or now >= self.end or dead:
                        raise
                    # The token has some time left: the next call tries again.
            return self.token

    def _read(self, now):
        secret = self._vault("GET", self.creds + "?renew_mode=none")
        seconds = secret["lease_duration"]
        margin = min(60, seconds / 10)
        self.token = secret["data"]["access_token"]
        self.again, self.end, self.young = now + seconds - margin, now + seconds, now + margin
        # The lease before is left to its end, for calls that are under way.
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
        return None  # a token goes nowhere else


_opener = request.build_opener(_NoRedirects)


def _exchange(method, url, headers, body):
    headers = {"Accept": "application/json", "Content-Type": "application/json", **headers}
    data = None if body is None else json.dumps(body).encode()
    with _opener.open(request.Request(url, data, headers, method=method), timeout=60) as answer:
        text = answer.read()
        return answer.status, json.loads(text) if text else None


def main():
    """Asks for each path that comes in, such as /users/42."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that close is called
    with ProcessMaker(os.environ["PROCESSMAKER_URL"], os.environ["PROCESSMAKER_CREDS"]) as pm:
        for line in iter(sys.stdin.readline, ""):
            try:
                print(pm.call("GET", line.strip())[0], flush=True)
            except OSError as problem:
                print(problem, flush=True)


if __name__ == "__main__":
    main()
