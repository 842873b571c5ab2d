<?php
// Calls ProcessMaker's API with a token from Vault. Needs PHP's own streams only.
//
//     $pm = new ProcessMaker('https://bpm.example.com');
//     [$status, $user] = $pm->call('GET', '/users/42');
//
// The class reads a token with renew_mode=none and keeps it until shortly before its
// lease ends. It reads again once when ProcessMaker refuses the token, and revokes the
// token at the end of the program; behind a web server that is the end of the request.
// VAULT_ADDR is the address of Vault. VAULT_TOKEN is not needed if that is a Vault
// Proxy with auto-auth. SSL_CERT_FILE replaces the certificate authorities of the
// system.

declare(strict_types=1);

final class ProcessMaker
{
    private string $api;
    private ?string $token = null;
    private float $again = 0; // when to read again
    private float $end = 0; // when the lease ends
    private float $young = 0; // a refused token is not replaced before this time
    private array $leases = []; // leases to revoke, and their ends

    public function __construct(string $url, private string $creds = 'processmaker/creds/app')
    {
        $this->api = rtrim($url, '/') . '/api/1.0';
        register_shutdown_function($this->close(...));
    }

    /** Returns the status and the decoded JSON, or null without JSON. */
    public function call(string $method, string $path, ?array $body = null): array
    {
        $token = $this->live();
        $result = $this->send($method, $path, $body, $token);
        if ($result[0] === 401) {
            // ProcessMaker did nothing for this call: send it again with another token.
            $other = $this->live($token);
            if ($other !== $token) {
                $result = $this->send($method, $path, $body, $other);
            }
        }
        return $result;
    }

    /** Revokes the tokens at ProcessMaker. With sync Vault waits for that. */
    public function close(): void
    {
        [$leases, $this->leases, $this->token] = [$this->leases, [], null];
        foreach (array_keys($leases) as $lease) {
            try {
                $this->vault('PUT', 'sys/leases/revoke/' . $lease, ['sync' => true]);
            } catch (RuntimeException $problem) {
                error_log("$lease ends by itself: " . $problem->getMessage());
            }
        }
    }

    private function live(?string $refused = null): string
    {
        $now = hrtime(true) / 1e9;
        // After a refusal of a token that was just read, another read does not help.
        $dead = $refused !== null && $refused === $this->token && $now >= $this->young;
        if ($this->token === null || $now >= $this->again || $dead) {
            try {
                $this->read($now);
            } catch (RuntimeException $problem) {
                if ($this->token === null || $now >= $this->end || $dead) {
                    throw $problem;
                }
                // The token is still valid: the next call tries again.
            }
        }
        return $this->token;
    }

    private function read(float $now): void
    {
        $secret = $this->vault('GET', $this->creds . '?renew_mode=none');
        $seconds = $secret['lease_duration'];
        $margin = min(60, $seconds / 10);
        $this->token = $secret['data']['access_token'];
        $this->again = $now + $seconds - $margin;
        $this->end = $now + $seconds;
        $this->young = $now + $margin;
        $this->leases = array_filter($this->leases, fn (float $end) => $end > $now);
        $this->leases[$secret['lease_id']] = $this->end;
    }

    private function vault(string $method, string $path, ?array $body = null): ?array
    {
        $headers = ['X-Vault-Request: true'];
        foreach (['VAULT_TOKEN' => 'X-Vault-Token', 'VAULT_NAMESPACE' => 'X-Vault-Namespace'] as $name => $header) {
            if (getenv($name)) {
                $headers[] = $header . ': ' . getenv($name);
            }
        }
        [$status, $answer] = self::exchange($method, rtrim(getenv('VAULT_ADDR'), '/') . '/v1/' . $path, $headers, $body);
        if ($status >= 300) {
            throw new RuntimeException("Vault answers $status: " . implode('; ', $answer['errors'] ?? []));
        }
        return $answer;
    }

    private function send(string $method, string $path, ?array $body, string $token): array
    {
        return self::exchange($method, $this->api . $path, ['Authorization: Bearer ' . $token], $body);
    }

    private static function exchange(string $method, string $url, array $headers, ?array $body): array
    {
        $stream = @fopen($url, 'r', false, stream_context_create(['http' => [
            'method' => $method,
            'header' => ['Accept: application/json', 'Content-Type: application/json', ...$headers],
            'content' => $body === null ? '' : json_encode($body),
            'follow_location' => 0,
            'ignore_errors' => true, // an answer of 400 and more is an answer
            'timeout' => 60,
        ]]));
        if ($stream === false) {
            throw new RuntimeException(error_get_last()['message'] ?? "$url cannot be reached");
        }
        $status = (int) explode(' ', stream_get_meta_data($stream)['wrapper_data'][0])[1];
        $answer = json_decode(stream_get_contents($stream), true);
        fclose($stream);
        return [$status, $answer];
    }
}

// As a program it calls each path of the standard input, such as /users/42.
if (PHP_SAPI === 'cli' && realpath($_SERVER['argv'][0]) === __FILE__) {
    if (function_exists('pcntl_signal')) {
        pcntl_async_signals(true);
        pcntl_signal(SIGTERM, fn () => exit(143)); // so that close is called
    }
    $pm = new ProcessMaker(getenv('PROCESSMAKER_URL'), getenv('PROCESSMAKER_CREDS'));
    while (!feof(STDIN)) {
        [$read, $none] = [[STDIN], null];
        // A signal interrupts a select, and no fgets.
        if (!@stream_select($read, $none, $none, null) || ($line = fgets(STDIN)) === false) {
            continue;
        }
        try {
            echo $pm->call('GET', trim($line))[0], "\n";
        } catch (RuntimeException $problem) {
            echo $problem->getMessage(), "\n";
        }
    }
}
