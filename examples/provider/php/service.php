<?php
// A service that keyseat's HTTP connector calls, with PHP's own server. Replace carry_out.
//
//   (umask 077; openssl rand -hex 32 > token)
//   PHP_CLI_SERVER_WORKERS=8 php -S 127.0.0.1:9090 service.php
//
// The variables TOKEN_FILE and ANSWERS change the token's file and the folder of answers.
ini_set('display_errors', 'stderr'); // a warning within an answer would make the answer unreadable
ignore_user_abort(true);             // the work goes on if the connection is lost
set_time_limit(0);

// Does the work at the provider. If $retried is true, an earlier call may have done it: check that first.
function carry_out(array $task, bool $retried): array
{
    $local = explode('@', $task['account']['login'])[0];
    if ($local === 'success' && $task['kind'] === 'upgrade') {
        return ['outcome' => 'success', 'username' => 'member of ' . $task['plan']['id']];
    }
    return ['outcome' => in_array($local, ['success', 'account_locked']) ? $local : 'invalid_credentials'];
}

function save(string $path, string $text): void // on the disk before anything relies on it
{
    $file = fopen("$path.new", 'w');
    if (!$file || fwrite($file, $text) !== strlen($text) || !fsync($file) || !fclose($file) || !rename("$path.new", $path)) {
        respond(503); // the result is not certain: keyseat asks again
    }
}

function respond(int $status, string $text = ''): never
{
    http_response_code($status);
    header('Content-Type: application/json');
    header('Retry-After: 1');
    exit($text);
}

$key = $_SERVER['HTTP_IDEMPOTENCY_KEY'] ?? '';
$token = trim(file_get_contents(getenv('TOKEN_FILE') ?: 'token'));
$folder = getenv('ANSWERS') ?: 'answers'; // has the answers by Idempotency-Key, and no secret
is_dir($folder) || mkdir($folder, 0700);
if ($token === '' || !hash_equals("Bearer $token", $_SERVER['HTTP_AUTHORIZATION'] ?? '')) {
    respond(401);
}
$task = json_decode(file_get_contents('php://input'), true);
if ($_SERVER['REQUEST_METHOD'] !== 'POST' || !is_string($task['account']['login'] ?? null)
    || $_SERVER['REQUEST_URI'] !== '/' . ($task['kind'] ?? '') || !preg_match('/^[A-Za-z0-9-]{1,100}$/D', $key)) {
    respond(400);
}
[$answer, $started, $lock] = ["$folder/$key.json", "$folder/$key.started", fopen("$folder/$key.lock", 'c')];
if (!flock($lock, LOCK_EX | LOCK_NB)) {
    respond(202); // another request does the work: keyseat asks again
}
if (!file_exists($answer)) {
    $retried = file_exists($started);
    save($started, '');
    save($answer, json_encode(carry_out($task, $retried)));
}
respond(200, file_get_contents($answer));
