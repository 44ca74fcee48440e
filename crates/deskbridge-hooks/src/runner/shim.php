// Runs a PHP file as a hook: `$params`, and every other member of the input, are its variables; what it returns, or else
// prints, is the answer.
(static function (): void {
    $file = $_SERVER['argv'][1] ?? '';
    $input = json_decode(stream_get_contents(STDIN), true) ?? [];
    $printed = '';
    ob_start(static function (string $text) use (&$printed): string {
        $printed .= $text;
        return '';
    });
    $returned = 1;
    $answered = false;
    $answer = static function () use (&$returned, &$printed, &$answered): void {
        if ($answered) {
            return;
        }
        $answered = true;
        while (ob_get_level() > 0) {
            ob_end_flush();
        }
        $last = error_get_last();
        if ($last !== null && ($last['type'] & (E_ERROR | E_PARSE | E_CORE_ERROR | E_COMPILE_ERROR | E_USER_ERROR))) {
            exit(255);
        }
        if (is_string($returned)) {
            fwrite(STDOUT, $returned);
        } elseif ($returned !== 1 && $returned !== null) {
            fwrite(STDOUT, json_encode($returned, JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES | JSON_THROW_ON_ERROR));
        } else {
            fwrite(STDOUT, $printed);
        }
    };
    // A file may end by exit.
    register_shutdown_function($answer);
    $run = static function () {
        extract(func_get_arg(1), EXTR_SKIP);
        return include func_get_arg(0);
    };
    $returned = $run($file, $input);
    $answer();
})();
