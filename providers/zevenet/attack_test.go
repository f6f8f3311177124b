package zevenet

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// needs skips a test where a program is missing or nobody is root; in CI nothing may be
// missing.
func needs(t *testing.T, programs ...string) {
	t.Helper()
	var missing []string
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			missing = append(missing, p)
		}
	}
	switch {
	case os.Getuid() != 0:
		missing = append(missing, "root, for namespaces")
	case missing == nil:
		return
	}
	if os.Getenv("ZUP_CI") == "1" {
		t.Fatal("needs ", strings.Join(missing, ", "))
	}
	t.Skip("needs ", strings.Join(missing, ", "))
}

// inNamespaces runs a script as root of a node that has this machine's files and nothing
// else of it: mounts, network and processes are its own.
func inNamespaces(t *testing.T, script string, env []string, args ...string) string {
	t.Helper()
	cmd := exec.Command("unshare", append([]string{"-m", "-n", "-p", "-f", "--kill-child", "--mount-proc", "sh", "-c", script, "sh"}, args...)...)
	cmd.Dir, cmd.Env = "/", append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

// arena is a node with a keepalived. Its arguments are which one, who attacks, how often
// facts are read, and a script for before that; it prints each time what was read, and
// then what is left in /tmp.
const arena = `
mount -t tmpfs -o mode=1777 tmpfs /tmp && mount -t tmpfs tmpfs /run && mkdir /run/bin || exit 9
ip link add ve0 type veth peer name ve1 && ip addr add 198.51.100.1/24 dev ve0 && ip link set ve0 up && ip link set ve1 up || exit 9
cat >/run/keepalived.conf <<'END'
vrrp_instance ZCluster {
	interface ve0
	virtual_router_id 1
	priority 50
	advert_int 5
	unicast_src_ip 198.51.100.1
	unicast_peer {
		198.51.100.2
	}
}
END
case $1 in
real*)
	# With one more child, the parent has to be told.
	[ "$1" != "real bfd" ] || printf 'bfd_instance peer {\n\tneighbor_ip 198.51.100.2\n\tsource_ip 198.51.100.1\n}\n' >>/run/keepalived.conf
	keepalived -n -l -f /run/keepalived.conf -p /run/k.pid -r /run/v.pid -c /run/c.pid -b /run/b.pid >/run/log 2>&1 &
	until grep -qs 'Startup complete\|Entering BACKUP' /run/log; do sleep 0.05; done
	;;
*)
	# Processes are known by the name of their program.
	cp "$(command -v perl)" /run/bin/keepalived
	/run/bin/keepalived -e "$STAND_IN" $1 &
	sleep 0.2
	;;
esac
keepalived=$!
echo forged >/run/forged
printf '   State = MASTER\n   x\n   Effective priority = 254\n   y\n' >/tmp/of-root
eval "$4"
attackers=''
if [ -n "$2" ]; then
	for who in 1 2; do
		setpriv --reuid nobody --regid nogroup --clear-groups perl -e "$ATTACK" "$2" </dev/null 2>/dev/null &
		attackers="$attackers $!"
	done
	sleep 0.05
fi
i=0
while [ "$i" -lt "$3" ]; do
	i=$((i + 1))
	began=$(date +%s%N)
	printf '%s' "$FACTS" | timeout 20 sh -s -- vrrp priority keepalived | tr '\n' ' '
	echo "$((($(date +%s%N) - began) / 1000000)) ms"
done
[ -z "$attackers" ] || kill $attackers
kill "$keepalived"
wait
rm /tmp/of-root
find /tmp -mindepth 1 -user root -printf 'left by root: %f\n'
ls /run/zup* 2>/dev/null
cat /run/forged
find /tmp -name keepalived.data -type f -user root -exec cat {} +
exit 0
`

// standIn is what keepalived was in its time, as far as its data goes. Arguments: how it
// writes, and how long it takes to, in milliseconds.
const standIn = `
my ($how, $ms) = @ARGV;
my $file = "/tmp/keepalived.data";
my $text = "  State = BACKUP\n  x\n  Effective priority = 50\n  y\n";
use Fcntl;
$SIG{USR1} = sub {
	select undef, undef, undef, $ms / 1000;
	if ($how eq "rename") {
		my $new = $file . int rand 1e9;
		sysopen my $f, $new, O_WRONLY | O_CREAT | O_EXCL, 0600 or return;
		rename $new, $file;
		syswrite $f, $text;
	}
	elsif ($how eq "truncate") {
		sysopen my $f, $file, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0666 or return;
		syswrite $f, $text;
	}
	elsif ($how eq "unlink") {
		unlink $file;
		sysopen my $f, $file, O_WRONLY | O_CREAT | O_TRUNC, 0666 or return;
		syswrite $f, $text;
	}
};
sleep 60 while 1;
`

// attack is what a user of the node does, as often as it goes.
const attack = `
use Fcntl; use POSIX (); use Socket;
my ($how) = @ARGV;
my $file = "/tmp/keepalived.data";
my $lie = "   State = MASTER\n   x\n   Effective priority = 254\n   y\n";
my @held;
my %does = (
	append => sub { if (open my $f, ">>", $file) { print $f $lie } select undef, undef, undef, 0.0005 },
	hold => sub { if (sysopen my $f, $file, O_RDWR | O_CREAT, 0666) { push @held, $f if @held < 100 } for (@held) { sysseek $_, 0, 0; syswrite $_, $lie } },
	replace => sub { my $new = "$file.$$"; if (open my $f, ">", $new) { print $f $lie; close $f } rename $new, $file; unlink $file },
	link => sub { symlink "/tmp/of-root", $file; symlink "/run/forged", "/tmp/keepalived_parent.data"; unlink $file },
	dangling => sub { symlink "/tmp/nowhere-$$", $file },
	pipe => sub { POSIX::mkfifo($file, 0666); select undef, undef, undef, 0.0005 },
	hard => sub { link "/tmp/of-root", $file; unlink $file },
	folder => sub { mkdir $file },
	full => sub { if (mkdir $file) { mkdir "$file/$_" for 1 .. 3 } },
	socket => sub { socket my $s, AF_UNIX, SOCK_STREAM, 0; bind $s, sockaddr_un($file) },
	lock => sub { for ("/etc/keepalived", "/run", "/tmp", "/run/zup.look") { open my $f, "<", $_ or next; flock $f, 2 | 4; push @held, $f if @held < 100 } select undef, undef, undef, 0.01 },
	named => sub { fork or exec { "/bin/sleep" } "keepalived", 60 if @held < 5; push @held, 1; select undef, undef, undef, 0.01 },
);
$does{$how}->() while 1;
`

func inArena(t *testing.T, keepalived, attacker string, times int, before string) []string {
	t.Helper()
	env := []string{"STAND_IN=" + standIn, "ATTACK=" + attack, "FACTS=" + script("facts", "")}
	return strings.Split(strings.TrimSpace(inNamespaces(t, arena, env, keepalived, attacker, fmt.Sprint(times), before)), "\n")
}

// Whatever a user of a node does to the file that keepalived writes into /tmp, what is
// read is what keepalived says, in time, and nothing is left there.
func TestNobodyForgesWhatKeepalivedSays(t *testing.T) {
	needs(t, "unshare", "setpriv", "keepalived", "perl", "ip")
	stand := func(keepalived string, attackers ...string) [][2]string {
		var all [][2]string
		for _, a := range attackers {
			all = append(all, [2]string{keepalived, a})
		}
		return all
	}
	cases := stand("real", "", "append", "hold", "replace", "link", "dangling", "pipe", "hard", "folder", "full", "socket", "lock", "named")
	if !testing.Short() {
		cases = slices.Concat(cases, stand("rename 20", "append"), stand("rename 100", "append", "replace"), stand("truncate 20", "append", "hold"),
			stand("unlink 3", "append"), stand("unlink 20", "append"), stand("unlink 100", "append"))
	}
	for _, c := range cases {
		t.Run(strings.Join(c[:], " "), func(t *testing.T) {
			times := 3
			if c[1] == "append" {
				times = 10
			}
			lines := inArena(t, c[0], c[1], times, "")
			for i, line := range lines {
				switch {
				case i < times && !strings.HasPrefix(line, "vrrp=BACKUP priority=50 keepalived=1 end "):
					t.Errorf("it says %s", line)
				case i == times && (line != "forged" || i != len(lines)-1):
					t.Errorf("left behind: %s", lines[i:])
				}
			}
		})
	}
}

// What root keeps under these names comes back as it was, also when keepalived says
// nothing; a link goes, what it leads to stays.
func TestWhatRootHasInTmpStays(t *testing.T) {
	needs(t, "unshare", "setpriv", "keepalived", "perl", "ip")
	for name, tt := range map[string]struct{ keepalived, before, says, left string }{
		"a file":            {"real", "echo mine >/tmp/keepalived.data", "vrrp=BACKUP", "left by root: keepalived.data\nforged\nmine"},
		"a file, no answer": {"never 0", "echo mine >/tmp/keepalived.data", "vrrp=unknown", "left by root: keepalived.data\nforged\nmine"},
		"the parent's":      {"real", "echo mine >/tmp/keepalived_parent.data", "vrrp=BACKUP", "left by root: keepalived_parent.data\nforged"},
		"a link":            {"real", "ln -s /run/forged /tmp/keepalived.data", "vrrp=BACKUP", "forged"},
		"a hard link": {"real", "ln /tmp/of-root /tmp/keepalived.data; echo one >/tmp/stays; ln /tmp/stays /tmp/keepalived_parent.data", "vrrp=BACKUP",
			"left by root: stays\nforged"},
		"a folder":                    {"real", "setpriv --reuid nobody mkdir -p /tmp/keepalived.data/full /tmp/keepalived_check.data", "vrrp=BACKUP", "forged"},
		"with another child":          {"real bfd", "echo mine >/tmp/keepalived_parent.data", "vrrp=BACKUP", "left by root: keepalived_parent.data\nforged"},
		"/tmp without its sticky bit": {"real", "chmod 777 /tmp", "vrrp=unknown", "forged"},
	} {
		t.Run(name, func(t *testing.T) {
			lines := inArena(t, tt.keepalived, "", 1, tt.before)
			if left := strings.Join(lines[1:], "\n"); !strings.HasPrefix(lines[0], tt.says+" ") || left != tt.left {
				t.Errorf("%s\nleft:\n%s\nwant %s", lines[0], left, tt.left)
			}
		})
	}
}

// A process of somebody else is neither the replicator nor keepalived, whatever it is
// called: no fact changes, and nobody stops or signals it.
func TestNobodyForgesAProcess(t *testing.T) {
	needs(t, "unshare", "setpriv", "perl")
	const told = `
as_nobody() { setpriv --reuid nobody --regid nogroup --clear-groups perl -e '$0 = shift; $SIG{$_} = sub { exit 7 } for qw(HUP USR1 TERM); sleep 60' "$1" </dev/null & pids="$pids $!"; }
pids=''
mount -t tmpfs -o mode=1777 tmpfs /tmp
cp "$(command -v perl)" /tmp/keepalived
as_nobody '/usr/local/zevenet/bin/enterprise.bin zeninotify'
as_nobody '/usr/bin/perl /usr/local/zevenet/bin/zeninotify'
setpriv --reuid nobody --regid nogroup --clear-groups /tmp/keepalived -e 'sleep 60' &
pids="$pids $!"
setpriv --reuid nobody --regid nogroup --clear-groups --no-new-privs perl -e 'exec { "/tmp/keepalived" } "keepalived", "-e", "sleep 60"' &
pids="$pids $!"
sleep 0.3
printf '%s' "$FACTS" | sh -s -- replication keepalived vrrp
printf '%s' "$STOP" | sh
sleep 0.1; for pid in $pids; do kill -0 "$pid" && echo alive; done
`
	got := inNamespaces(t, told, []string{"FACTS=" + script("facts", ""), "STOP=" + script("replication_stop", "")})
	if want := "replication=off\nkeepalived=0\nvrrp=down\nend\nno replicator is running\n" + strings.Repeat("alive\n", 4); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// Files of two file systems can have the same number: a lock on one of them is none on
// the other.
func TestNobodyForgesALockOfDpkg(t *testing.T) {
	needs(t, "unshare", "setpriv", "perl")
	const told = `
mkdir -p /run/a /run/b && mount -t tmpfs tmpfs /run/a && mount -t tmpfs -o mode=1777 tmpfs /run/b || exit 9
touch /run/a/lock /run/b/lock && chmod 666 /run/b/lock
[ "$(stat -c %i /run/a/lock)" = "$(stat -c %i /run/b/lock)" ] || { echo 'the numbers differ'; exit 9; }
lock='use Fcntl; sysopen my $f, shift, O_RDWR; my $l = pack "s s x4 q q l x4", F_WRLCK, 0, 0, 0, 0; fcntl $f, F_SETLK, $l or die $!; sleep 60'
setpriv --reuid nobody --regid nogroup --clear-groups perl -e "$lock" /run/b/lock &
sleep 0.2
grep -c ":$(stat -c %i /run/b/lock) " /proc/locks
printf '%s' "$FACTS" | sh -s -- lock
perl -e "$lock" /run/a/lock &
sleep 0.2
printf '%s' "$FACTS" | sh -s -- lock | sed "s/ $! / PID /"
`
	facts := strings.ReplaceAll(script("facts", ""), "/var/lib/dpkg/lock-frontend", "/run/a/lock")
	got := inNamespaces(t, told, []string{"FACTS=" + facts})
	if want := "1\nlock=free\nend\nlock=/run/a/lock by PID (perl)\nend\n"; got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// What somebody with an account of the node listens with at a VIP is not a farm: BACKUP
// would lack it, and no pair would be updated any more.
func TestNobodyOpensAFarm(t *testing.T) {
	needs(t, "unshare", "setpriv", "perl", "ss", "ip")
	const told = `
mount -t tmpfs tmpfs /usr/local && mkdir -p /usr/local/zevenet/config && printf 'addr=192.0.2.10\nstatus=up\n' >/usr/local/zevenet/config/if_eth0:1_conf
ip link set lo up && ip addr add 192.0.2.10/32 dev lo
listen='use IO::Socket::INET; my $s = IO::Socket::INET->new(LocalAddr => shift, Proto => shift, @ARGV ? (Listen => 5) : ()) or die $@; sleep 60'
perl -e "$listen" 192.0.2.10:80 tcp 1 &
setpriv --reuid www-data perl -e "$listen" 192.0.2.10:8080 tcp 1 &
setpriv --reuid nobody perl -e "$listen" 192.0.2.10:8096 tcp 1 &
setpriv --reuid 1000 perl -e "$listen" 192.0.2.10:8097 udp &
sleep 0.3
printf '%s' "$FACTS" | sh -s -- farms
`
	got := inNamespaces(t, told, []string{"FACTS=" + script("facts", "")})
	if want := "farms=tcp/192.0.2.10:80 tcp/192.0.2.10:8080\nend\n"; got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// Programs are not looked for where somebody besides root may put one.
func TestNobodyPutsAProgramInTheWay(t *testing.T) {
	needs(t, "unshare")
	const told = `
mount -t tmpfs -o mode=755 tmpfs /usr/local && mkdir /usr/local/bin /usr/local/sbin
printf '#!/bin/sh\necho hold /usr/local:found-it\n' >/usr/local/sbin/dpkg-query && chmod 755 /usr/local/sbin/dpkg-query
facts() { printf '%s' "$FACTS" | sh -s -- holds | head -n 1; }
facts
for change in 'chgrp staff /usr/local/bin; chmod 2775 /usr/local/bin' 'chmod 777 /usr/local' 'chown nobody /usr/local/sbin' 'rm -r /usr/local/bin'; do
	cp -a /usr/local /run/kept.$$
	eval "$change"
	facts | sed 's/=[^/].*/=none/'
	umount /usr/local; mount -t tmpfs -o mode=755 tmpfs /usr/local; cp -a /run/kept.$$/. /usr/local; rm -r /run/kept.$$
done
`
	got := inNamespaces(t, "mount -t tmpfs tmpfs /run\n"+told, []string{"FACTS=" + script("facts", "")})
	if want := "holds=/usr/local:found-it\n" + strings.Repeat("holds=none\n", 4); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// theReplicator is a node's, as a script. It starts one more push when it is told to end.
// Stubborn ones take no notice of being told.
const theReplicator = `#!/usr/bin/perl -w
use POSIX;
my ($root) = $0 =~ m#^(/usr/local/[a-z]+)/#;
my ($name) = grep { !m#/# } @ARGV, $0 =~ m#([^/]+)$#;
sub pushes {
	return if fork;
	setpgrp; $SIG{TERM} = $ENV{STUBBORN} ? 'IGNORE' : 'DEFAULT';
	sigprocmask(SIG_UNBLOCK, POSIX::SigSet->new(SIGTERM)); # it may be in the handler
	my $peer = $ENV{PEER} =~ /:/ ? "[$ENV{PEER}]" : $ENV{PEER};
	$0 = "rsync -azvr --delete $root/config/ root\@$peer:$root/config/";
	sleep 60 while 1;
}
$SIG{TERM} = sub { pushes(); exit 0 };
open my $f, '>', "/var/run/$name.pid" or die; print $f "$$\n"; close $f;
pushes();
sleep 60 while 1;
`

// The replicator is ended with everything that it started, in each product and in each
// form, also with what it starts in its last moment; and so is a push whose replicator has
// gone. What else pushes is left alone.
func TestReplicatorEndsWithAllThatItStarted(t *testing.T) {
	needs(t, "unshare", "perl", "ps")
	const told = `
mount -t tmpfs -o mode=755 tmpfs /usr/local && mount -t tmpfs tmpfs /run && mkdir -p "$ROOT/bin" "$ROOT/config" || exit 9
printf '[zva5n1]\nip=192.168.100.24\n\n[zva5n2]\nip=%s\n' "$PEER" >"$ROOT/config/cluster.conf"
hostname zva5n1
printf '%s' "$REPLICATOR" >"$ROOT/bin/enterprise.bin" && chmod 755 "$ROOT/bin/enterprise.bin" && ln -s enterprise.bin "$ROOT/bin/$NAME"
perl -e '$0 = "rsync -a /home/ root\@192.168.100.250:/home/"; sleep 60' &
others=$!
eval "$FORM &"
pid=$!
until [ "$(ps -e -o args= | grep -c '^rsync')" = 2 ]; do sleep 0.05; done # the machine may be busy
if [ -n "$KILLED" ]; then kill -9 "$pid"; wait "$pid" 2>/dev/null; fi
printf '%s' "$FACTS" | sh -s -- replication
printf '%s' "$STOP" | sh >/run/said 2>&1 || { cat /run/said; exit 9; }
printf '%s' "$FACTS" | sh -s -- replication
ps -e -o args= | grep -c '^rsync.*config' # none: 0
ls /run/*.pid 2>/dev/null
kill -0 "$others" && echo 'the other one lives'
`
	for _, p := range family {
		for name, form := range map[string]string{
			"by its link":               `"$ROOT/bin/$NAME"`,
			"as a verb":                 `"$ROOT/bin/enterprise.bin" "$NAME"`,
			"by an interpreter":         `perl -I /opt -w "$ROOT/bin/enterprise.bin" "$NAME"`,
			"by a name of its sibling":  `"$ROOT/bin/enterprise.bin" "$OTHER"`,
			"ended by hand, push lives": `"$ROOT/bin/$NAME"`,
		} {
			t.Run(p.name+" "+name, func(t *testing.T) {
				t.Parallel()
				killed, stubborn, peer := "", "", "192.168.100.25"
				if name == "as a verb" {
					peer = "fd00::25"
				}
				if p == family[0] && name == "by its link" {
					stubborn = "yes"
				}
				if strings.HasPrefix(name, "ended") {
					killed = "yes"
				}
				got := inNamespaces(t, told, []string{
					"FACTS=" + p.script("facts", ""), "STOP=" + p.script("replication_stop", peer), "PEER=" + peer, "REPLICATOR=" + theReplicator,
					"ROOT=" + p.root, "NAME=" + p.replicator, "OTHER=" + p.replicators()[1], "FORM=" + form, "KILLED=" + killed, "STUBBORN=" + stubborn,
				})
				if want := "replication=running\nend\nreplication=off\nend\n0\nthe other one lives\n"; got != want {
					t.Errorf("got:\n%s\nwant:\n%s", got, want)
				}
			})
		}
	}
}
