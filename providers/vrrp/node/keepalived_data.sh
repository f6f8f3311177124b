# keepalived_data prints of keepalived's data what facts are made of. keepalived writes it
# into /tmp when it is told to, where everybody may put a file of that name, a link, a
# pipe or a directory. So that nobody but root can say what is read:
#
#   * what stands there is put aside, whatever it is, and an empty file of root's takes
#     the name: in a directory with the sticky bit nobody else can move or replace it, and
#     keepalived writes into it or puts its own in its place;
#   * it is opened without following a link and without waiting, and what was opened is
#     looked at: a regular file of root's that nobody else may write to, with no other
#     name, if it is not ours, or made after the signal;
#   * what is not that is nothing, and after a moment keepalived is asked again.
#
# Afterwards everything is as it was: what root had there comes back, what keepalived has
# written goes, and so does what somebody else had laid there; a directory of theirs stays,
# under another name. Two readers take turns, by a lock that only root can take. All of it
# ends within 8 seconds.
keepalived_data() {
	# One that has a single child is told through that: asked itself, it would write a
	# file of its own besides.
	told=child pid=$(keepalived_children)
	case $pid in '' | *[!0-9]*) told=parent pid=$(keepalived_parents) ;; esac
	pid=${pid%%
*}
	[ -n "$pid" ] || return
	ready_for 0x200 || return # SIGUSR1
	ZUP_PROGRAM='
use strict;
use warnings;
use Fcntl qw(:DEFAULT :flock :mode);
my ($pid, $told, $dir, $lock) = @ARGV;
my @names = map { "keepalived$_.data" } "", "_parent", "_check", "_bfd";
my ($aside, %ours, %was, $turn);
$SIG{$_} = sub { exit 1 } for qw(HUP INT TERM PIPE ALRM);
alarm 8;
umask 077;

chdir $dir or exit 1;
my @place = stat ".";
exit 1 if $place[4] != $> || $place[2] & 022 && !($place[2] & S_ISVTX);
take_turn();
make_aside();
for my $try (1 .. 3) {
    clear($_) or exit 1 for @names;
    kill "USR1", $pid or exit 1;
    my ($foreign, @lines) = wait_for_data();
    print @lines;
    await_parent() if @lines && $told eq "parent";
    last unless $foreign;
}
exit;

END {
    alarm 0;
    local $?;
    put_back() if defined $aside;
    unlink $lock if $turn;
}

sub take_turn {
    for (1 .. 250) {
        sysopen my $f, $lock, O_RDWR | O_CREAT | O_NOFOLLOW, 0600 or exit 1;
        my @named = stat $lock;
        if (@named && flock($f, LOCK_EX | LOCK_NB) && (@named = stat $lock) && same([stat $f], \@named)) { $turn = $f; return }
        close $f;
        pause(0.02);
    }
    exit 1;
}

sub make_aside {
    for (1 .. 1000) {
        my $name = sprintf ".zup.%08x%08x", rand 2**32, rand 2**32;
        if (mkdir $name, 0700) { $aside = $name; return }
    }
    exit 1;
}

# clear has an empty file of ours stand under a name.
sub clear {
    my ($name) = @_;
    for my $try (1 .. 10000) {
        my $to = "$aside/$name.$try";
        if (rename $name, $to) {
            my @is = lstat $to;
            if (!$was{$name} && !$ours{$name} && S_ISREG($is[2]) && $is[4] == $> && $is[3] == 1) { $was{$name} = $to }
            else                                                                               { drop($to, $name) }
        }
        elsif (!$!{ENOENT}) { return 0 }
        if (sysopen my $f, $name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600) { $ours{$name} = $f; return 1 }
        return 0 unless $!{EEXIST};
    }
    return 0;
}

# drop removes what is put aside: a name, never what a link leads to. A directory that
# is not empty goes back to where everybody may have one.
sub drop {
    my ($what, $name) = @_;
    return if unlink $what or rmdir $what;
    for (1 .. 1000) { return if rename $what, sprintf "%s.%08x", $name, rand 2**32 }
}

# wait_for_data returns 0 and the data, if there is any; or 1 when something of somebody
# else has stood there for a moment.
sub wait_for_data {
    my $foreign = 0;
    for (my $waited = 0 ; $waited < 200 && $foreign < 30 ; $waited++) {
        pause(0.005);
        if (sysopen my $f, $names[0], O_RDONLY | O_NOFOLLOW | O_NONBLOCK) {
            if (believable($f)) { my @lines = lines($f); return (0, @lines) if @lines; next }
        }
        $foreign++ if lstat $names[0];
    }
    return $foreign ? 1 : 0;
}

sub believable {
    my ($f) = @_;
    my @is = stat $f;
    return 0 unless S_ISREG($is[2]) && $is[4] == $> && !($is[2] & 022);
    my @empty = stat $ours{$names[0]};
    return 1 if same(\@is, \@empty) || $is[3] == 1;
    my ($born, $before) = map { born($_) } $f, $ours{$names[0]};
    return $before > 0 && $born >= $before;
}

# born is when a file came to be, 0 where the kernel does not tell.
sub born {
    my $path = "/proc/$$/fd/" . fileno $_[0];
    my $text = `stat -L -c %.9W $path 2>/dev/null`;
    return $text =~ /^(\d+\.\d+)$/ ? $1 : 0;
}

# lines returns each line with the one after it: what is the last line may not be whole yet.
sub lines {
    my ($f) = @_;
    my ($text, @found) = ("");
    while (length $text < 1 << 24) { sysread $f, $text, 1 << 16, length $text or last }
    for my $key ("State", "Effective priority") {
        return unless $text =~ /^ *(\Q$key\E = .*)\n.*\n/m;
        push @found, "$1\n";
    }
    return @found;
}

# await_parent waits until a parent that was told has begun its own file, which it does a
# moment later, as its other children do; the oldest write none.
sub await_parent {
    for (1 .. 30) {
        my @is = lstat $names[1];
        last if @is && !same(\@is, [stat $ours{$names[1]}]);
        pause(0.005);
    }
    pause(0.02);
}

# put_back leaves the directory as it was.
sub put_back {
    for my $name (@names) {
        if (my $was = $was{$name}) { rename $was, $name or do { clear($name) && rename $was, $name }; next }
        my @is = lstat $name;
        unlink $name if @is && $is[4] == $>;
    }
    opendir my $d, $aside or return;
    for (readdir $d) { drop("$aside/$_", "keepalived") unless /^\.\.?$/ }
    rmdir $aside;
}

sub same { return $_[0][0] == $_[1][0] && $_[0][1] == $_[1][1] }
sub pause { select undef, undef, undef, $_[0] }
' perl -e 'eval delete $ENV{ZUP_PROGRAM}; die $@ if $@' "$pid" "$told" /tmp /run/zup.look
}
