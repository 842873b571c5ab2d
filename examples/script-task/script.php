<?php
// A script task of ProcessMaker that calls another ProcessMaker, or its own
// ProcessMaker as another user than the one of $api.
//
// VAULT_ADDR, VAULT_ROLE_ID, VAULT_SECRET_ID and OTHER_PROCESSMAKER_URL are
// Environment Variables of ProcessMaker (Designer > Environment Variables). The
// AppRole issues Vault tokens with a ttl of minutes, without the default policy. The
// script revokes its Vault token in every case, and that revokes ProcessMaker's token.

$exchange = function (string $method, string $url, array $headers, ?array $body = null): ?array {
    $stream = @fopen($url, 'r', false, stream_context_create(['http' => [
        'method' => $method,
        'header' => ['Accept: application/json', 'Content-Type: application/json', ...$headers],
        'content' => $body === null ? '' : json_encode($body),
        'follow_location' => 0,
        'ignore_errors' => true,
        'timeout' => 30,
    ]]));
    if ($stream === false) {
        throw new RuntimeException(parse_url($url, PHP_URL_HOST) . ' cannot be reached');
    }
    $status = (int) explode(' ', stream_get_meta_data($stream)['wrapper_data'][0])[1];
    $answer = json_decode(stream_get_contents($stream), true);
    if ($status >= 300) {
        throw new RuntimeException(parse_url($url, PHP_URL_PATH) . " answers $status");
    }
    return $answer;
};
$vault = fn (string $method, string $path, array $headers, ?array $body = null) =>
    $exchange($method, rtrim(getenv('VAULT_ADDR'), '/') . '/v1/' . $path, $headers, $body);

$login = $vault('PUT', 'auth/approle/login', [], ['role_id' => getenv('VAULT_ROLE_ID'), 'secret_id' => getenv('VAULT_SECRET_ID')]);
$asMe = ['X-Vault-Token: ' . $login['auth']['client_token']];
try {
    $secret = $vault('GET', 'processmaker/creds/app?renew_mode=none', $asMe);
    $user = $exchange(
        'GET',
        rtrim(getenv('OTHER_PROCESSMAKER_URL'), '/') . '/api/1.0/users/' . $data['user_id'],
        ['Authorization: Bearer ' . $secret['data']['access_token']],
    );
} finally {
    $vault('PUT', 'auth/token/revoke-self', $asMe);
}

return ['username' => $user['username']]; // this goes into the data of the request: never return a token
