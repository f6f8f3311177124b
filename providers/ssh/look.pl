# What only looks, of the program that jobs and locks are: how the jobs of this node stand,
# and who has its lock. It stands before job.pl and lock.pl; and in the reader, which
# has nothing else of them.
use strict;
use warnings;
use Fcntl qw(:DEFAULT :flock);

sub reply {
    my ($line, $bytes) = @_;
    put(\*STDOUT, defined $bytes ? "$line\n$bytes" : "$line\n") or exit 1;
}

# put writes all of it and returns whether that worked.
sub put {
    my ($to, $bytes) = @_;
    my $done = 0;
    while ($done < length $bytes) {
        my $n = syswrite $to, $bytes, length($bytes) - $done, $done;
        return 0 unless defined $n;
        $done += $n;
    }
    return 1;
}

# ---- jobs

sub content {
    my ($name) = @_;
    open my $f, '<:raw', $name or return undef;
    local $/;
    my $text = <$f>;
    return defined $text ? $text : '';
}

# seize returns the lock's handle when nobody held it, undef otherwise. The lock
# goes with the last process that has the handle; an exec closes it. A lock file
# that was removed in the meantime (see forget) is not a lock.
sub seize {
    my ($mode) = @_;
    sysopen my $f, 'lock', O_RDWR | O_CREAT or die "open lock: $!\n";
    return undef unless flock $f, $mode | LOCK_NB;
    my ($mine, $now) = ((stat $f)[1], (stat 'lock')[1]);
    return defined $now && $mine == $now ? $f : undef;
}

# condition returns "exit", CODE, SIZE or "running", EPOCH or "died" or "never".
sub condition {
    my @ended = ended();
    return ('exit', @ended) if @ended;
    my ($epoch) = started();
    return ('running', $epoch || time) if -e 'lock' && !seize(LOCK_SH);
    @ended = ended();    # it may have ended between the two looks
    return ('exit', @ended) if @ended;
    return 'never' unless -e 'started';
    return leftovers() ? ('running', $epoch) : 'died';
}

sub ended {
    my $status = content('status');
    return defined $status && $status =~ /^(\d+) (\d+)\s*$/ ? ($1, $2) : ();
}

sub started {
    my $started = content('started');
    return defined $started && $started =~ /^(\d+) (\d+) (\d+) (\d+) (\S+)$/ ? ($1, $2, $3, $4, $5) : ();
}

# leftovers reports whether processes of the job's session are left although its
# supervisor is gone (killed, out of memory): dpkg may still be at work.
sub leftovers {
    my (undef, undef, $leader, $ticks, $boot) = started() or return 0;
    return 0 if $boot ne boot_id();
    my $all   = processes();
    my $first = $all->{$leader};
    return 0 if $first && $first->{ticks} != $ticks;    # the number went to somebody else
    return scalar grep { $_->{session} == $leader && $_->{state} !~ /[ZX]/ } values %$all;
}

sub boot_id {
    my $id = content('/proc/sys/kernel/random/boot_id');
    return defined $id && $id =~ /(\S+)/ ? $1 : '-';
}

# ---- the lock

# stands says how the lock stands, without touching it, and which jobs run.
sub stands {
    my ($base, $path) = @_;
    my $there = -e $path;
    my $pid   = $there ? lock_pid($path) : 0;
    my $is    = !$there ? 'free' : $pid ? 'held' : -r '/proc/locks' ? 'stale' : 'unknown';
    reply(join ' ', 'lock', $is, holder($path));
    reply(join ' ', 'jobs', running_jobs($base, ''));
}

# holder is the pid of who holds the lock, for how many seconds it has lived, and
# what the file says.
sub holder {
    my ($path) = @_;
    my $pid = lock_pid($path);
    return ($pid, age($pid), described(content($path)));
}

sub described {
    my ($text) = @_;
    return '-' unless defined $text && $text =~ s/^.*\n// && length $text;
    return unpack 'H*', substr $text, 0, 2000;
}

# lock_pid is the process that the kernel says holds the lock, or 0. Inodes repeat
# from one file system to the next, so that the process must have the file open.
sub lock_pid {
    my ($path) = @_;
    my $inode = (stat $path)[1];
    my $locks = content('/proc/locks');
    return 0 unless defined $inode && defined $locks;
    for (split /\n/, $locks) {
        my ($pid) = /^\d+: FLOCK +ADVISORY +WRITE (\d+) \S+:$inode / or next;
        opendir my $d, "/proc/$pid/fd" or next;
        return $pid if grep { same("/proc/$pid/fd/$_", $path) } readdir $d;
    }
    return 0;
}

sub same {
    my @ids = map { join ':', grep { defined } (stat $_)[0, 1] } @_;
    return $ids[0] eq $ids[1] && length $ids[0];
}

sub age {
    my ($pid) = @_;
    my $p = $pid ? processes($pid)->{$pid} : undef;
    my $up = content('/proc/uptime');
    return -1 unless $p && defined $up && $up =~ /^(\d+)/;
    return $1 - int($p->{ticks} / 100);    # the kernel tells it in hundredths everywhere
}

# running_jobs returns name and start of the jobs that run, but not of this run.
sub running_jobs {
    my ($base, $run) = @_;
    opendir my $d, $base or return ();
    my @found;
    for my $name (sort grep { !/^\./ && !/\s/ } readdir $d) {
        next if length $run && index($name, "$run.") == 0;
        chdir "$base/$name" or next;
        my ($is, $epoch) = condition();
        push @found, $name, $epoch if $is eq 'running';
    }
    chdir '/';
    return @found;
}

# ---- processes

sub processes {
    my (@pids) = @_;
    if (!@pids) {
        opendir my $d, '/proc' or return {};
        @pids = grep { /^\d+$/ } readdir $d;
    }
    my %all;
    for my $pid (@pids) {
        my $stat = content("/proc/$pid/stat");
        next unless defined $stat && $stat =~ /^\d+ \(.*\) (.*)/s;    # the name may hold ")"
        my @f = split ' ', $1;
        $all{$pid} = { state => $f[0], parent => $f[1], session => $f[3], cpu => $f[11] + $f[12], ticks => $f[19] };
    }
    return \%all;
}

