# Locks say who works on this node. They belong to the same program as the jobs and
# use what stands there: requests, replies, the looks at files and processes.
#
# A lock is a file, held with flock by a process that lives as long as its session:
#
#   line 1   the token of whoever holds it, which nobody else has
#   line 2   the address from which its session came, "-" if that is not known
#   line 3…  who that is, since when, what for: for people
#
#   free --hold--> held --"release"--> free, and the file is gone
#                    '--the client, the connection or the node dies--> stale
#
# The kernel frees the lock with its process. After "begin", which comes before the
# first change, the file stays then, with what it says: who comes back finds by it
# that nobody else was here meanwhile. Who leaves without it leaves the file as it was
# found. A process that hears nothing for LEASE seconds ends: of a client that has lost
# its power sshd may know nothing for hours.
#
# The request's body is lines: for "who" and "clear" PATH; for "hold" PATH, LEASE,
# TOKEN, how it was before ("-" or the boot's id of when it was taken), and then
# what the file is to say. ID is the run, whose own jobs are no reason to wait.

my $PATIENCE = 30;    # seconds that a job may wait for an answer when nobody is there to give it

sub locks {
    my ($verb, $run, $base, $body) = @_;
    my ($path, $lease, $token, $before, @text) = split /\n/, $body;
    if    ($verb eq 'hold') { hold($run, $base, $path, $lease, $token, $before, @text) }
    elsif ($verb eq 'who')  { stands($base, $path) }
    else                    { clear($base, $path) }
}

sub hold {
    my ($run, $base, $path, $lease, $token, $before, @text) = @_;
    $0 = process_name($token);
    my ($lock, $found) = grasp($path, $token);
    return reply(join ' ', 'lock', 'held', holder($path)) unless $lock;
    my $back = $before ne '-' && $before eq boot_id();
    return refuse($lock, $path, $found, 'lock', 'taken', described($found)) if $back && first_line($found) ne $token;
    $found = '' if first_line($found) eq $token;
    my @jobs = running_jobs($base, $run);
    if (@jobs) {
        my %names = @jobs;
        abandon("$base/$_") for keys %names;
        return refuse($lock, $path, $found, 'jobs', @jobs);
    }
    say_in($lock, join "\n", $token, client(), @text, '');
    reply(join ' ', 'held', boot_id());
    keep($lock, $path, $lease, $before ne '-' ? undef : $found);
}

# keep holds the lock until the client gives it back, or is gone. As long as found is
# there, nothing was changed yet.
sub keep {
    my ($lock, $path, $lease, $found) = @_;
    for (;;) {
        while ($received =~ s/^(.*)\n//) {
            if ($1 eq 'release') {
                defined $found ? put_back($lock, $path, $found) : unlink $path;
                return reply('free');
            }
            undef $found if $1 eq 'begin';
            reply('here');
        }
        last unless readable(\*STDIN, $lease) && receive_more();
    }
    put_back($lock, $path, $found) if defined $found;
}

sub put_back {
    my ($lock, $path, $found) = @_;
    return unlink $path unless length $found;
    say_in($lock, $found);
}

sub say_in {
    my ($lock, $text) = @_;
    truncate $lock, 0;
    sysseek $lock, 0, 0;
    put($lock, $text) or die "write lock: $!\n";
}

# refuse answers and leaves the file as it was found.
sub refuse {
    my ($lock, $path, $found, @answer) = @_;
    put_back($lock, $path, $found);
    reply(join ' ', @answer);
}

# grasp returns the locked file and what it said before, or nothing when somebody
# else has it. What an earlier connection of ours still holds is taken from it.
sub grasp {
    my ($path, $token) = @_;
    for (my $tries = 0 ; $tries < 100 ; $tries++) {
        sysopen my $f, $path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600 or die "open $path: $!\n";
        if (flock $f, LOCK_EX | LOCK_NB) {
            return ($f, content($path)) if same($f, $path);    # else it was removed meanwhile
        }
        else {
            my $has = first_line(content($path));
            return if $has ne $token && length $has;    # an empty one is about to be written
            my $pid = lock_pid($path);
            kill 'TERM', $pid if $pid && process_name($token) eq command_line($pid);
        }
        select undef, undef, undef, 5 * $TICK;
    }
    return;
}

# process_name makes a process that holds a lock known: one that is about to write
# what it is must not be taken for an earlier one of ours.
sub process_name { return "zup: lock $_[0]" }

sub command_line {
    my $text = content("/proc/$_[0]/cmdline");
    return defined $text && $text =~ /^([^\0]*)/ ? $1 : '';
}

sub first_line { return defined $_[0] && $_[0] =~ /^(.*)\n/ ? $1 : '' }

# clear removes what a dead holder has left.
sub clear {
    my ($base, $path) = @_;
    if (-e $path && sysopen my $f, $path, O_RDWR | O_NOFOLLOW) {
        unlink $path if flock($f, LOCK_EX | LOCK_NB) && same($f, $path);
    }
    stands($base, $path);
}

# client is the address from which this session came. sudo forgets it, and then what
# has started it knows.
sub client {
    my ($env, $pid) = ('SSH_CONNECTION=' . ($ENV{SSH_CONNECTION} || ''), $$);
    for (1 .. 8) {
        return $1 if "\0$env" =~ /\0SSH_CONNECTION=([0-9a-fA-F.:%\w]+)/;
        my $p = processes($pid)->{$pid};
        $pid = $p ? $p->{parent} : 0;
        $env = content("/proc/$pid/environ");
        last unless defined $env;
    }
    return '-';
}

# abandon closes the input of a job that asks something and whose client is gone, as that
# of a job whose question has no answer: it would wait for ever. It ends in its own way
# then. Only who has the lock may do that: a client that lives has it itself.
sub abandon {
    my ($dir) = @_;
    chdir $dir or return;
    my (undef, $supervisor) = started();
    my $answers = content('answers');
    if ($supervisor && !(defined $answers && $answers =~ /^close /m) && sysopen my $out, 'out', O_RDONLY) {
        my ($size, $written) = (stat $out)[7, 9];
        if (time - $written >= $PATIENCE && (waiting($supervisor))[0] eq 'reading') {
            my $from = $size > 200 ? $size - 200 : 0;
            my $question = presentable($out, $from, $size - $from, 1);
            $question =~ s/^.*\n//s;
            note(join ' ', 'close', $size, '@', unpack 'H*', $question);
        }
    }
    chdir '/';
}
