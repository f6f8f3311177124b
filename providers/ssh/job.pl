# This program starts, follows, answers, reports on and removes detached jobs. It
# runs on the node: perl-base is essential on every Debian, so nothing has to be
# installed, and one process does what sh would need a dozen for. It must run
# with perl 5.28 (Debian 10). Fcntl is its only module: fewer files to go missing
# while the node's perl is being replaced, and it starts in 4 ms.
#
# A job is a directory, BASE/ID:
#
#   lock      held with flock by the supervisor as long as it lives: whoever gets
#             the lock knows that nobody starts or supervises this job now
#   script    what was asked for; never changed afterwards
#   started   "EPOCH SUPERVISOR LEADER TICKS BOOT", written before the script
#             runs: wall clock, two pids, the leader's start time in clock ticks,
#             the boot's id. Without this file the script never ran
#   out       what the job printed, stdout and stderr together
#   answers   one line for each answer, written before it is given:
#             "answer K OFFSET NAME HEX"; or, at the end, "close OFFSET NAME HEX"
#   secrets   what the script has named as secret, a line each: it may write this file,
#             whose path it has in ZUP_SECRETS. No byte of it leaves the node: what is
#             read from out has asterisks in its place, as many
#   status    "CODE SIZE" once it is over: the exit status as sh says it, and how
#             many bytes of out belong to the job
#   log       what went wrong in the supervisor itself, normally empty
#
#   never started --start--> running --the script ends--> done
#                               '--supervisor and all processes gone--> died
#
# What follows in lock.pl is the same program: locks, which say who works on the node.
#
# A request comes on stdin as one line, "VERB ID OFFSET SIZE TTY BASE", followed by
# SIZE bytes of script; while a job is followed, lines for the file answers may
# come after it. Replies are lines; "out N" and "past N" are followed by N bytes,
# so nothing that a job prints can be taken for a reply.
#
# What only looks at all that is in look.pl, and stands before this.

my $TICK   = 0.01;     # seconds between two looks at out, answers and status; five of them when all is quiet
my $CHUNK  = 65536;    # bytes, the most in one reply
my $RECALL = 4096;     # bytes of earlier output that a question may stand in
my $SHORT  = 6;        # bytes; what is shorter is not a secret: it would blot out half of everything

sub main {
    $0 = 'zup: job';
    eval { serve(); 1 } or fail('io', $@);
}

sub serve {
    my $umask = umask 077;
    my ($verb, $id, $offset, $size, $tty, $base) = split / /, receive_line(), 6;
    my $script = receive($size);
    if ($verb =~ /^(?:hold|who|clear)$/) { locks($verb, $id, $base, $script) }
    elsif (!enter($base, $id, $verb eq 'job')) { reply('end never') }
    elsif ($verb eq 'job') { job($script, $offset, $tty, $umask) }
    elsif ($verb eq 'status') { reply(join ' ', 'end', condition()) }
    elsif ($verb eq 'forget') { forget("$base/$id") }
    else                      { fail('bad', "unknown request $verb") }
}

# ---- talking to the client

my $received = '';

# receive_line and receive end the program when the client is gone: a request
# that did not arrive whole is not carried out.
sub receive_line {
    until ($received =~ /\n/) { receive_more() or exit 1 }
    $received =~ s/^(.*)\n//;
    return $1;
}

sub receive {
    my ($n) = @_;
    while (length $received < $n) { receive_more() or exit 1 }
    return substr $received, 0, $n, '';
}

sub receive_more { return sysread STDIN, $received, $CHUNK, length $received }

sub fail {
    my ($code, $text) = @_;
    $text =~ s/\s+/ /g;
    reply("error $code $text");
    exit 1;
}

# ---- the job's directory

# enter makes the job's directory the working directory: then its name, which
# may hold words that scripts look for, is in no process's command line.
sub enter {
    my ($base, $id, $create) = @_;
    my $dir = '';
    for my $part (grep { $create && length } split m{/}, "$base/$id") {
        $dir .= "/$part";
        -d $dir or mkdir $dir or -d $dir or die "mkdir $dir: $!\n";
    }
    return 0 unless -d "$base/$id";
    own($_) for $base =~ m{(.*)/}, $base, "$base/$id";
    chdir "$base/$id" or die "chdir $base/$id: $!\n";
    return 1;
}

# own makes sure that a folder is root's alone. A link, and what is somebody else's, is
# not used: what is in there is run.
sub own {
    my ($dir) = @_;
    my ($mode, undef, $owner) = (lstat $dir)[2 .. 4];
    die "$dir is not a folder of root's: remove it, and nothing of zup's is lost\n" unless defined $mode && -d _ && $owner == $>;
    !($mode & 022) or chmod 0700, $dir or die "chmod $dir: $!\n";
}

sub store {
    my ($name, $text) = @_;
    sysopen my $f, "$name.new", O_WRONLY | O_CREAT | O_TRUNC or die "create $name: $!\n";
    put($f, $text) && close $f && rename "$name.new", $name or die "write $name: $!\n";
}

sub forget {
    my ($dir) = @_;
    my $lock = seize(LOCK_EX);
    fail('running', 'it still runs') if !$lock || !ended() && leftovers();
    opendir my $d, '.' or die "read $dir: $!\n";
    my @names = grep { !/^\.\.?$/ && $_ ne 'lock' } readdir $d;
    for my $name (@names, 'lock') { unlink $name or die "remove $dir/$name: $!\n" }
    chdir '/';
    rmdir $dir or die "remove $dir: $!\n";
    reply('end never');
}

# ---- start or attach

sub job {
    my ($script, $offset, $tty, $umask) = @_;
    my $attached = 1;
    until (-e 'started') {
        my $lock = seize(LOCK_EX);
        if (!$lock) { select undef, undef, undef, $TICK; next }    # somebody else is starting it
        next if -e 'started';
        start($lock, $script, $tty, $umask);
        $attached = 0;
    }
    my $stored = content('script');
    fail('mismatch', 'another script has this id') if !defined $stored || $stored ne $script;
    my ($epoch) = started();
    reply(join ' ', 'job', $attached, $epoch || 0);
    follow($offset, $tty);
}

# start returns when the script is about to run, in the care of a supervisor that
# has nothing to do with this session any more and has taken over the lock. A
# process group of its own keeps it out of reach of what sudo and shells kill.
sub start {
    my ($lock, $script, $tty, $umask) = @_;
    store('script', $script);
    pipe my $ready, my $tell or die "pipe: $!\n";
    my $pid = fork;
    defined $pid or die "fork: $!\n";
    if (!$pid) {
        $0 = 'zup: job supervisor';
        setpgrp 0, 0;
        open STDIN,  '<',  '/dev/null';
        open STDOUT, '>',  '/dev/null';
        open STDERR, '>>', 'log';
        close $ready;
        eval { supervise($tell, $tty, $umask); 1 } or print STDERR $@;
        exit;
    }
    close $_ for $tell, $lock;
    sysread $ready, my $word, 1;    # its end is enough
    return if -e 'started';
    my $log = content('log');
    fail('start', 'its supervisor did not start: ' . (defined $log ? substr $log, -400 : ''));
}

# ---- the supervisor

# supervise runs the script in a session of its own and writes down how it
# ended. Its own death (a power cut, kill -9) shows by the lock being free.
sub supervise {
    my ($tell, $tty, $umask) = @_;
    my @signals = qw(HUP INT QUIT PIPE TERM);
    $SIG{$_} = 'IGNORE' for @signals;

    # The status gets its block now, while there is room on the disk.
    sysopen my $status, 'status.new', O_WRONLY | O_CREAT | O_TRUNC or die "status: $!\n";
    put($status, sprintf "%40s\n", '') or die "status: $!\n";
    sysopen my $out, 'out', O_WRONLY | O_CREAT | O_APPEND or die "out: $!\n";
    my ($master, $slave) = $tty ? terminal() : ();

    pipe my $wait, my $go or die "pipe: $!\n";
    my $pid = fork;
    defined $pid or die "fork: $!\n";
    if (!$pid) {
        close $go;
        sysread $wait, my $word, 1 or exit;    # the supervisor died first: never started
        $SIG{$_} = 'DEFAULT' for @signals;
        umask $umask;
        run_script($out, $slave);
    }
    close $wait;
    my $ticks = processes($pid)->{$pid}{ticks};
    store('started', join(' ', time, $$, $pid, $ticks, boot_id()) . "\n");
    put($go, 'g');
    close $_ for $go, $tell;
    $tty ? pump($pid, $master, $out) : waitpid $pid, 0;

    my $code = $? & 127 ? 128 + ($? & 127) : $? >> 8;
    sysseek $status, 0, 0;
    put($status, sprintf "%-40s\n", join ' ', $code, -s $out) && close $status or die "status: $!\n";
    rename 'status.new', 'status' or die "status: $!\n";
}

sub run_script {
    my ($out, $slave) = @_;
    if ($slave) { open STDIN, '<&', $slave; $ENV{TERM} = 'dumb' }
    open STDOUT, '>&', $slave || $out;
    open STDERR, '>&', $slave || $out;
    $ENV{ZUP_SECRETS} = readlink('/proc/self/cwd') . '/secrets';
    exec 'setsid', $slave ? '--ctty' : (), 'sh', './script';
    die "setsid: $!\n";
}

# terminal makes a pseudo-terminal that leaves line feeds as they are and is wide
# enough to wrap nothing; the rest is as the kernel has it: echo, line editing.
# script(1) would not do: its terminal has no size, turns line feeds into CR LF,
# and nobody could arbitrate answers or close the input through it.
sub terminal {
    my ($TIOCGPTN, $TIOCSPTLCK) = (0x80045430, 0x40045431);
    sysopen my $master, '/dev/ptmx', O_RDWR | O_NOCTTY | O_NONBLOCK or die "/dev/ptmx: $!\n";
    my $number = pack 'i', 0;    # first the 0 that unlocks
    ioctl $master, $TIOCSPTLCK, $number or die "unlock terminal: $!\n";
    ioctl $master, $TIOCGPTN,   $number or die "terminal's number: $!\n";
    my $name = '/dev/pts/' . unpack 'i', $number;
    sysopen my $slave, $name, O_RDWR | O_NOCTTY or die "$name: $!\n";
    system(qw(stty -F), $name, qw(-opost rows 24 cols 200)) and die "stty: status $?\n";
    return ($master, $slave);
}

# pump copies the terminal's output to out and the answers to the terminal until
# the script has ended; the script's status is then in $?. A full disk loses
# output, never the job.
sub pump {
    my ($pid, $master, $out) = @_;
    local $SIG{CHLD} = sub { };    # ends select
    my ($answers, $next, $closed, $over) = ({ name => 'answers' }, 1, 0, 0);
    for (my $round = 0 ;; $round++) {
        if (readable($master, $over ? 0 : $TICK)) {
            my $n = sysread($master, my $bytes, $CHUNK);
            put($out, $bytes) if $n;
            next;
        }
        return if $over;
        for (fresh($answers)) {
            my ($word, $k, undef, undef, $hex) = split / /;
            if ($word eq 'close') { $closed = 1 }
            elsif (!$closed && $k == $next) { $next++; put($master, pack('H*', $hex) . "\n") }
        }
        # End of input, once for everyone who asks.
        put($master, "\x04") if $closed && $round % 10 == 0 && (waiting($pid))[0] =~ /reading|unknown/;
        $over = waitpid($pid, 1) == $pid;
    }
}

sub readable {
    my ($f, $seconds) = @_;
    my $set = '';
    vec($set, fileno $f, 1) = 1;
    return select($set, undef, undef, $seconds) > 0;
}

# fresh returns the whole lines that were appended since the last call.
sub fresh {
    my ($of) = @_;
    if (!$of->{file}) {
        open my $f, '<:raw', $of->{name} or return ();
        @$of{qw(file rest)} = ($f, '');
    }
    sysread $of->{file}, $of->{rest}, $CHUNK, length $of->{rest};
    my @lines;
    push @lines, $1 while $of->{rest} =~ s/^(.*)\n//;
    return @lines;
}

# ---- following

sub follow {
    my ($pos, $tty) = @_;
    my (undef, $supervisor) = started();
    my ($answers, $next, $state, $idle, $cpu) = ({ name => 'answers' }, 1, '', 0, -1);
    sysopen my $out, 'out', O_RDONLY or die "open out: $!\n";
    recall($out, $pos) if $tty && $pos > 0;
    for (;;) {
        my ($end, @how) = condition();    # first: what belongs to the end is then in out
        my $moved = copy($out, \$pos, $end eq 'exit' ? $how[1] : undef);
        for my $line (fresh($answers)) {
            my ($word, $k) = split / /, $line;
            next if $word eq 'answer' && $k != $next;    # somebody was faster
            $next++;
            reply($line);
            $moved = 1;
        }
        return reply(join ' ', 'end', $end, @how) if $end ne 'running';
        if ($moved) { ($state, $idle) = ('', 0) }
        elsif ($tty && due(++$idle)) {
            my ($now, $used) = waiting($supervisor);
            $now = 'busy' if $now ne 'reading' && $used != $cpu && $cpu >= 0;
            reply("state $now") if $now ne $state;
            ($state, $cpu) = ($now, $used);
        }
        obey($idle < 10 ? $TICK / 5 : $idle < 50 ? $TICK : 5 * $TICK);
    }
}

# due spaces the looks at the processes: after 1, 2, 4, … looks at the output that
# found nothing new, then twice a second, which is every tenth.
sub due {
    my ($idle) = @_;
    return $idle >= 50 ? $idle % 10 == 0 : ($idle & ($idle - 1)) == 0;
}

sub recall {
    my ($out, $pos) = @_;
    my $from = $pos > $RECALL ? $pos - $RECALL : 0;
    my $bytes = presentable($out, $from, $pos - $from, 1);
    reply('past ' . length $bytes, $bytes);
}

sub copy {
    my ($out, $pos, $size) = @_;
    my $moved = 0;
    for (;;) {
        my $want = defined $size && $size - $$pos < $CHUNK ? $size - $$pos : $CHUNK;
        return $moved if $want <= 0 || $$pos >= (stat $out)[7];
        my $bytes = presentable($out, $$pos, $want, defined $size);
        return $moved unless length $bytes;
        reply('out ' . length $bytes, $bytes);
        $$pos += length $bytes;
        $moved = 1;
    }
}

# presentable returns up to $want bytes of out from $from on, with what is secret
# blotted out, wherever it begins and ends. Unless the job is over, an end that may be
# the beginning of a secret waits for what comes after it.
sub presentable {
    my ($out, $from, $want, $over) = @_;
    my @secrets = secrets();
    my $around  = 0;
    for (@secrets) { $around = length if length > $around }
    my $start = $from > $around ? $from - $around : 0;
    my $wide  = $from - $start + $want + $around;
    sysseek $out, $start, 0;
    my $text = '';
    while (length $text < $wide) { sysread $out, $text, $wide - length $text, length $text or last }
    my $clean = $text;
    for my $secret (@secrets) {
        for (my $at = -1 ; ($at = index $text, $secret, $at + 1) >= 0 ;) {
            substr $clean, $at, length $secret, '*' x length $secret;
        }
    }
    my $end = length($text) < $wide && !$over ? length($text) - begun($text, @secrets) : length $text;
    my $n = $end - ($from - $start);
    return $n <= 0 ? '' : substr $clean, $from - $start, $n < $want ? $n : $want;
}

# begun is how many bytes at the end of a text may be the beginning of a secret.
sub begun {
    my ($text, @secrets) = @_;
    my $most = 0;
    for my $secret (@secrets) {
        for (my $n = length($secret) - 1 ; $n > $most ; $n--) {
            if (length $text >= $n && substr($text, -$n) eq substr $secret, 0, $n) { $most = $n }
        }
    }
    return $most;
}

sub secrets {
    my $text = content('secrets');
    return defined $text ? grep { length >= $SHORT } split /[\r\n]+/, $text : ();
}

# obey waits for so many seconds at most, and writes down what the client says;
# the supervisor does it. Without a client there is nothing to follow for.
sub obey {
    my ($seconds) = @_;
    return unless readable(\*STDIN, $seconds);
    receive_more() or exit 0;
    while ($received =~ s/^((?:answer|close) .*)\n//) { note($1) }
}

# note appends a line to answers.
sub note {
    my ($line) = @_;
    sysopen my $f, 'answers', O_WRONLY | O_CREAT | O_APPEND or die "open answers: $!\n";
    put($f, "$line\n") or die "write answers: $!\n";
}

# ---- processes

# waiting says what the process and its descendants are at: "reading" when one of
# them sits in read(2) on a terminal, "busy" when one is running or waits for a
# disk, "idle" when none does, "unknown" when the kernel does not tell; and how
# much processor time they have used. A supervisor that is running may be about to
# copy the question.
sub waiting {
    my ($root) = @_;
    my $all = processes();
    my %children;
    push @{ $children{ $all->{$_}{parent} } }, $_ for keys %$all;
    my ($answer, $cpu, @next) = ('idle', 0, $root);
    while (defined(my $pid = shift @next)) {
        push @next, @{ $children{$pid} || [] };
        my $p = $all->{$pid} or next;
        $cpu += $p->{cpu};
        next if $p->{state} =~ /[ZX]/;
        return ('busy', $cpu) if $pid == $root && $p->{state} eq 'R';
        my $call = content("/proc/$pid/syscall");
        return ('reading', $cpu) if defined $call && reads_terminal($pid, $call);
        if ($p->{state} =~ /[RD]/) { $answer = 'busy' }
        elsif ($answer eq 'idle' && !defined $call) { $answer = 'unknown' }
    }
    return ($answer, $cpu);
}

# reads_terminal goes by the number of read(2): 0 on amd64, 3 on i386 and arm, 63
# on arm64. What these numbers mean on the others of them never waits.
sub reads_terminal {
    my ($pid, $call) = @_;
    return 0 unless $call =~ /^(?:0|3|63) 0x([0-9a-f]{1,4}) /;
    my $file = readlink "/proc/$pid/fd/" . hex $1;
    return defined $file && $file =~ m{^/dev/(?:pts/\d+|tty\w*|console)$};
}

