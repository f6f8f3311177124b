package ssh

import (
	"errors"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"zup/plan/escape"
	"zup/plan/shell"
)

// A trouble is a way in which a connection ends, or never begins: one sentence that says
// what happened, and one hint for this very case.
type trouble struct {
	of       string         // what has happened, as far as this side can tell without words
	says     *regexp.Regexp // what was said of it; nil: whatever else
	kind     string         // what docs/connections.md calls it
	sentence string         // with {said} and other values; it stands behind the name of the hop
	hint     string
}

// says matches without regard to case.
func says(words string) *regexp.Regexp { return regexp.MustCompile("(?i)" + words) }

// What can have happened. Those that say "via" were said by a jump host about the next hop.
const (
	endResolve       = "resolve"
	endResolveVia    = "resolve via"
	endRefused       = "refused"
	endRefusedVia    = "refused via"
	endNoAnswer      = "no answer"
	endNoWayVia      = "no answer via"
	endProxy         = "proxy"
	endSilent        = "silent"
	endHangup        = "hangup"
	endHangupVia     = "hangup via"
	endGreeted       = "hangup after the greeting"
	endNotSSH        = "not ssh"
	endNotSSHPipe    = "not ssh behind a command"
	endDisagree      = "disagreement"
	endNarrowed      = "disagreement by ssh_config"
	endUnknown       = "host key unknown"
	endChanged       = "host key changed"
	endChangedPin    = "host key changed, of a jump host that is pinned"
	endChangedIn     = "host key changed, of those in a file"
	endRevoked       = "host key revoked"
	endSameKey       = "host key of a jump host"
	endWeakKey       = "host key too short"
	endHostCert      = "host certificate"
	endPartial       = "partial login"
	endNoKeys        = "no keys taken"
	endEncrypted     = "encrypted key"
	endSilentAgent   = "silent agent"
	endSecurityKey   = "security key"
	endUntried       = "keys not tried"
	endAccount       = "account"
	endKeyless       = "no key"
	endDenied        = "keys refused"
	endShell         = "shell"
	endMute          = "mute account"
	endFlood         = "account that prints without end"
	endNoExec        = "sudo without programs"
	endNobody        = "nobody to ask"
	endWrongPassword = "wrong password"
	endNoPassword    = "no password"
	endSudo          = "sudo"
	endSession       = "session"
	endLost          = "lost"
)

// troubles is all of them, and the first that fits counts: docs/connections.md has this table
// for users.
var troubles = []trouble{
	{endResolve, says("no such host|not known|no address|nodename"), "unknown name",
		"name not resolved: {said}",
		"no name server here knows {host}: check how it is spelled, or give its IP address"},
	{endResolve, nil, "name server in trouble",
		"name not resolved: the name server gives no answer: {said}",
		"the name may be right: look at the name servers in this machine's /etc/resolv.conf, or give the IP address of {host}"},
	{endResolveVia, says("no such host|not known|no address|nodename"), "name unknown to the jump host",
		"name not resolved: the jump host does not know it: {said}",
		"{via} looks the name up, not this machine: give the IP address of {host}, or a name that is known there"},
	{endResolveVia, nil, "jump host's name server in trouble",
		"name not resolved: the jump host's name server gives no answer: {said}",
		"the name may be right: look at the name servers in /etc/resolv.conf of {via}, or give the IP address of {host}"},

	{endRefused, nil, "refused",
		"connection refused",
		"is sshd running there, and is this its port?"},
	{endRefusedVia, nil, "refused behind a jump host",
		"connection refused",
		"{via} reaches that machine, and nothing listens on its port {port}: is sshd running there, and is this its port?"},

	{endNoAnswer, says("no route to host"), "no route to the machine",
		"no answer: {said}",
		"no machine at that address answers, or a router says so: is it up, and is the address right? This machine's way to it: ip route get {ip}"},
	{endNoAnswer, says("network is unreachable"), "network unreachable",
		"no answer: {said}",
		"this machine has no route to that network, as when a VPN is down: ip route get {ip}"},
	{endNoAnswer, says("operation not permitted|permission denied"), "forbidden here",
		"no answer: {said}",
		"this machine itself forbids the connection: look for {host} in its firewall: nft list ruleset"},
	{endNoAnswer, says("cannot assign requested address"), "address to connect from is not here",
		"no answer: {said}",
		"this machine does not have the address that BindAddress of ssh_config names: zup ssh NODE -print says which line it is"},
	{endNoAnswer, says("too many open files"), "too few files allowed",
		"no answer: {said}",
		"this machine lets zup open too few files: ulimit -n 4096"},
	{endNoAnswer, says("^within |timed out|timeout"), "time-out",
		"no answer: {said}",
		"something swallows what is sent to port {port}: check the address, and the firewalls between this machine and {host}"},
	{endNoAnswer, nil, "no connection",
		"no answer: {said}",
		"nothing more is known: try it by hand: ssh -v -p {port} {host}"},

	{endNoWayVia, says("does not forward"), "jump host does not forward",
		"no answer: {said}",
		"let sshd on {via} forward to {addr}: AllowTcpForwarding and PermitOpen in its sshd_config, restrict and permitopen before the key in authorized_keys"},
	{endNoWayVia, says("no route to host"), "no route from the jump host",
		"no answer: the jump host gets no answer from that machine: {said}",
		"is that machine up, and is the address right? The jump host's way to it, on {via}: ip route get {ip}"},
	{endNoWayVia, says("network is unreachable"), "network unreachable from the jump host",
		"no answer: the jump host has no route to that network: {said}",
		"give the jump host a route, or go through another one; on {via}: ip route get {ip}"},
	{endNoWayVia, says("^within |timed out|timeout"), "time-out behind a jump host",
		"no answer: {said}",
		"something swallows what is sent to port {port}: check the address, and the firewalls between {via} and {host}"},
	{endNoWayVia, nil, "jump host can't connect",
		"no answer: the jump host could not connect, and says no more than {said}",
		"try it on {via}: nc -vz {host} {port}"},

	{endProxy, nil, "ProxyCommand that leads nowhere",
		"the command led to no SSH server: {said}",
		"see what it does alone; it should print a line that begins with SSH-: {command}"},

	{endSilent, says("end of the login"), "no end of the login",
		"connected, but the server is silent: {said}",
		"sshd there waits for something while it lets the user in, such as PAM or a directory of accounts: its log says for what: journalctl -u ssh"},
	{endSilent, says("after its greeting"), "silent after the greeting",
		"connected, but the server is silent: {said}",
		"small packets arrive and large ones do not, as with a wrong MTU on the way: ping -M do -s {payload} {ip}"},
	{endSilent, nil, "silent",
		"connected, but the server is silent: {said}",
		"the host is up but sshd does not speak: look at its load and its log"},

	{endHangup, says("exceeded maxstartups"), "too many connections begun (MaxStartups)",
		"closed before the SSH handshake was done: {said}",
		"too many connections are being opened there at once (MaxStartups in its sshd_config, or PerSourceMaxStartups for one address): wait, or give a smaller -parallelism"},
	{endHangup, says("not allowed at this time"), "penalty, or too many connections begun (PerSourcePenalties, MaxStartups)",
		"closed before the SSH handshake was done: {said}",
		"sshd there refuses this address for a while, because attempts from it have failed (PerSourcePenalties) or too many connections are being opened (MaxStartups): wait some minutes; its log says which it was, and PerSourcePenaltyExemptList in its sshd_config exempts an address"},
	{endHangup, says("^the command "), "closed before the greeting, behind a ProxyCommand",
		"closed before the SSH handshake was done: {said}",
		"what the command leads to ended without a word, as where hosts.deny there names the machine that the command connects from: look for \"refused connect\" in the log there"},
	{endHangup, says("."), "turned away with a message",
		"closed before the SSH handshake was done: {said}",
		"that is the server's own reason; its log has more: journalctl -u ssh"},
	{endHangup, nil, "closed before the greeting",
		"closed before the SSH handshake was done",
		"it ended without a word, as where hosts.deny names this machine: look for \"refused connect\" in the log there"},
	{endHangupVia, nil, "closed before the greeting, behind a jump host",
		"closed before the SSH handshake was done",
		"it ended without a word, as where hosts.deny names {via}, from which it was asked: look for \"refused connect\" in the log there"},
	{endGreeted, says("^the server said|^it said"), "turned away with a message, after the greeting",
		"closed before the SSH handshake was done: {said}",
		"that is the server's own reason; its log has more: journalctl -u ssh"},
	{endGreeted, nil, "closed after the greeting",
		"closed before the SSH handshake was done, after the greeting {greeting}",
		"sshd there ended without a word while keys were exchanged: its log says why: journalctl -u ssh"},

	{endNotSSH, says(`said "(HTTP/|<!doctype|<html)`), "a web server",
		"no SSH handshake: {said}", "a web server listens on port {port}: which port is sshd's?"},
	{endNotSSH, says(`said "\\+x15\\+x03`), "a TLS server",
		"no SSH handshake: {said}", "a server of TLS (HTTPS or the like) listens on port {port}: which port is sshd's?"},
	{endNotSSH, says(`said "220[ -].*ftp`), "an FTP server",
		"no SSH handshake: {said}", "an FTP server listens on port {port}: which port is sshd's?"},
	{endNotSSH, says(`said "(220[ -]|\* OK|\+OK)`), "a mail server",
		"no SSH handshake: {said}", "a mail server listens on port {port}: which port is sshd's?"},
	{endNotSSH, says(`said "RFB `), "a VNC server",
		"no SSH handshake: {said}", "a VNC server listens on port {port}: which port is sshd's?"},
	{endNotSSH, says(`said "@RSYNCD`), "an rsync server",
		"no SSH handshake: {said}", "an rsync server listens on port {port}: which port is sshd's?"},
	{endNotSSH, says(`said ".*(mysql|mariadb)`), "a database",
		"no SSH handshake: {said}", "a database listens on port {port}: which port is sshd's?"},
	{endNotSSH, says(`said "SSH-1\.[0-8]`), "SSH 1",
		"no SSH handshake: it speaks SSH 1 only: {said}", "SSH 1 is broken and zup does not speak it: that machine needs a newer sshd"},
	{endNotSSH, says(`after its greeting`), "damaged after the greeting",
		"no SSH handshake: {said}", "it is an SSH server, and what it sent can't be read: something on the way may change it; compare: ssh -v -p {port} {host}"},
	{endNotSSH, nil, "not SSH",
		"no SSH handshake: {said}", "is this the port of an SSH server?"},

	{endNotSSHPipe, says(`said "HTTP/`), "a proxy's answer, behind a ProxyCommand",
		"no SSH handshake: {said}", "that is the answer of a web proxy, which leads to no SSH server: ask whoever runs it whether it allows {addr}"},
	{endNotSSHPipe, nil, "not SSH, behind a ProxyCommand",
		"no SSH handshake: {said}", "the command leads to something else than an SSH server, or prints words of its own to its standard output"},

	{endDisagree, says("key exchange"), "no common key exchange",
		"no SSH handshake: {said}", "sshd there offers none that this zup takes: add one in its /etc/ssh/sshd_config, and reload it: KexAlgorithms +{ours}"},
	{endDisagree, says("host key"), "no common host key algorithm",
		"no SSH handshake: {said}", "sshd there offers none that this zup takes: add one in its /etc/ssh/sshd_config, and reload it: HostKeyAlgorithms +{ours}"},
	{endDisagree, says("cipher"), "no common cipher",
		"no SSH handshake: {said}", "sshd there offers none that this zup takes: add one in its /etc/ssh/sshd_config, and reload it: Ciphers +{ours}"},
	{endDisagree, says("mac"), "no common MAC",
		"no SSH handshake: {said}", "sshd there offers none that this zup takes: add one in its /etc/ssh/sshd_config, and reload it: MACs +{ours}"},
	{endDisagree, nil, "no common algorithm",
		"no SSH handshake: {said}", "sshd there offers none that this zup takes: add one that it takes in its /etc/ssh/sshd_config"},
	{endNarrowed, nil, "no common algorithm, by ssh_config",
		"no SSH handshake: {said}", "{narrowed} leaves none that sshd there offers: let it have one of {theirs}"},

	{endUnknown, nil, "host key unknown",
		"host key of {which}{addr} is unknown: {said}",
		"compare the fingerprint on {whose} own console: {keygen}"},
	{endChangedIn, nil, "host key changed",
		"host key of {addr} is not the expected one: somebody may be listening in",
		"compare on {whose} own console: {keygen}; if the host was reinstalled: {remove}"},
	{endChangedPin, nil, "host key changed, of a jump host that is pinned",
		"host key of {addr} is not the expected one: somebody may be listening in",
		"compare on {whose} own console: {keygen}; if the key was replaced: {pin}"},
	{endChanged, nil, "host key changed, of a host that is pinned",
		"host key of {addr} is not the expected one: somebody may be listening in",
		"compare on {whose} own console: {keygen}; if the key was replaced, replace it there too"},
	{endRevoked, nil, "host key revoked",
		"host key of {addr} is revoked: {said}",
		"do not connect; the host needs a new key"},
	{endSameKey, nil, "host key of a jump host",
		"{addr} shows the same host key as the jump host {via}, which may be answering in its place: {said}",
		"host_key is the node's own key, and jump_host_keys has those of jump hosts; machines that were copied from each other need keys of their own: rm /etc/ssh/ssh_host_*; dpkg-reconfigure openssh-server"},
	{endWeakKey, nil, "host key too short",
		"host key of {addr} does not count: {said}",
		"give the host a longer key, or one of another type: ssh-keygen -A there makes those that it lacks"},

	{endHostCert, says("expired"), "host certificate expired",
		"host certificate of {addr} does not count: {said}",
		"have the host's key signed again by its authority: ssh-keygen -s CA -h -I {host} -n {host} -V +52w /etc/ssh/ssh_host_ed25519_key.pub"},
	{endHostCert, says("not yet valid"), "host certificate not valid yet",
		"host certificate of {addr} does not count: {said}",
		"one of two clocks is wrong, this machine's or that of the authority: date -u"},
	{endHostCert, says("principal|it is for"), "host certificate for another name",
		"host certificate of {addr} does not count: {said}",
		"if it is the right host, say by which of these names it is known: HostKeyAlias in ssh_config"},
	{endHostCert, says("authorit"), "host certificate of an unknown authority",
		"host certificate of {addr} does not count: {said}",
		"if the authority is yours, add its line to known_hosts: @cert-authority {host} KEY"},
	{endHostCert, says("CASignatureAlgorithms"), "host certificate with a signature that ssh_config forbids",
		"host certificate of {addr} does not count: {said}",
		"have the host's key signed again with a newer algorithm, or let CASignatureAlgorithms in ssh_config have this one"},
	{endHostCert, nil, "host certificate that can't be used",
		"host certificate of {addr} does not count: {said}",
		"look at it on the host: ssh-keygen -L -f /etc/ssh/ssh_host_ed25519_key-cert.pub"},

	{endPartial, nil, "second factor",
		"the key was accepted, but the server wants more than a key",
		"zup cannot answer passwords or codes: let the server accept a key alone for this user"},
	{endNoKeys, nil, "server takes no keys",
		"the server takes no key from this user",
		"let sshd there take keys: PubkeyAuthentication yes and AuthenticationMethods publickey in its sshd_config"},
	{endSilentAgent, nil, "silent agent",
		"no key was accepted",
		"{agent}"},
	{endSecurityKey, nil, "security key",
		"no key was accepted",
		"load it into an agent, and have it within reach: {sshadd}"},
	{endEncrypted, nil, "encrypted key",
		"no key was accepted",
		"load the key into an agent: {sshadd}"},
	{endUntried, nil, "too many keys (MaxAuthTries)",
		"no key was accepted",
		"the server hung up before every key was tried: name the right one with identity_file, and set IdentitiesOnly yes in ~/.ssh/config"},
	{endAccount, says("account has expired"), "account expired",
		"the key was accepted, but the account has expired: {said}",
		"let it last longer, on the node: chage -E -1 {user}"},
	{endAccount, says("password"), "password expired, at the login",
		"the key was accepted, but the account's password has expired: {said}",
		"let it not expire, on the node: chage -M -1 -d 1970-01-02 {user}"},
	{endAccount, says("."), "account turned away with a message",
		"the key was accepted, but the account was turned away: {said}",
		"that is the node's own message: while /etc/nologin exists, it lets in root alone"},
	{endAccount, nil, "account turned away",
		"the key was accepted, but the account was turned away without a word",
		"a rule for accounts (PAM) decides that on the node: its log has the rule: journalctl -u ssh"},
	{endDenied, says("certificate expired"), "user certificate expired",
		"no key was accepted, and the certificate of one has expired",
		"have your key signed again by the authority that the server trusts; until when it holds: ssh-keygen -L -f FILE-cert.pub"},
	{endKeyless, nil, "no key",
		"there is no key to log in with",
		"name a key with identity_file, or load one into an agent with ssh-add"},
	{endDenied, says("."), "no key can be used",
		"no key was accepted",
		"name a key with identity_file, or load one into an agent with ssh-add"},
	{endDenied, nil, "key refused",
		"no key was accepted",
		"let the key in: ssh-copy-id -i FILE.pub {portopt}{userhost}"},

	{endShell, says("password has expired|password change required"), "password expired",
		"the account does not run commands ({exit}): {said}",
		"its password has to be changed first; or let it not expire, on the node: chage -M -1 -d 1970-01-02 {user}"},
	{endShell, says("/etc/nologin"), "no logins for the time being (/etc/nologin)",
		"the account does not run commands ({exit}): {said}",
		"the node lets in root alone while /etc/nologin exists: wait, or remove it there"},
	{endShell, says("account is currently not available"), "shell is nologin",
		"the account does not run commands ({exit}): {said}",
		"its shell is nologin: give it one on the node: usermod -s /bin/sh {user}"},
	{endShell, says("allows sftp connections only"), "files only (internal-sftp)",
		"the account does not run commands ({exit}): {said}",
		"sshd there forces internal-sftp on it: take it out of what ForceCommand in its sshd_config is for"},
	{endShell, says("server refuses to run commands"), "commands refused",
		"the account does not run commands ({exit}): {said}",
		"sshd there opens a session and runs nothing in it: its log says why: journalctl -u ssh"},
	{endShell, says("[a-z]+: (command )?not found|exec: [^ ]*: not found"), "program missing",
		"the account does not run commands ({exit}): {said}",
		"install what is missing on the node, or put it in the PATH of commands over ssh"},
	{endShell, says("^it said nothing$"), "shell ends at once",
		"the account does not run commands ({exit}): {said}",
		"a shell such as /bin/false does that: give it one on the node: usermod -s /bin/sh {user}"},
	{endShell, nil, "forced command",
		"the account does not run commands ({exit}): {said}",
		"the account needs a shell such as /bin/sh and no forced command: try ssh with the command: sh -c 'echo ok'"},

	{endMute, nil, "account that does not begin",
		"the account did not begin with what it was asked to run within {waited}: {said}",
		"its start-up files ask for something or wait for something: have them do that for terminals only; what they do now: ssh {user}@NODE true"},
	{endFlood, nil, "account that prints without end",
		"the account printed {bytes} bytes and did not begin with what it was asked to run; the last of it: {said}",
		"its start-up files print without an end: have them print to terminals only; what they do now: ssh {user}@NODE true | head"},

	{endNoExec, nil, "sudo with NOEXEC",
		"{program} lets nothing be started: {said}",
		"its rule says NOEXEC, and under that nothing can be started: log in as root, or allow it on the node: {ruleexec}"},
	{endNobody, nil, "nobody to give a password",
		"{said}",
		"in a pipeline: become = \"sudo\" and a rule that asks for no password, on the node: {rulenopass}; for zup plan and zup status a key that can only read is enough: zup reader -help"},
	{endWrongPassword, nil, "wrong password",
		"the password is not that of {name} there",
		"run it again; where the password of {name} is not the same on all nodes, give sudo rules that ask for none, on the node: {rulenopass} and become = \"sudo\""},
	{endNoPassword, nil, "no password given",
		"it wants a password, and none came: {said}",
		"run it again where somebody can answer"},
	{endSudo, says("must have a tty"), "sudo wants a terminal",
		"{program} refused: {said}",
		"sudo wants a terminal there (requiretty), and zup has none: log in as root, or on the node: {notty}"},
	{endSudo, says("no new privileges|setuid root|nosuid|not installed setuid"), "sudo can't become root",
		"{program} refused: {said}",
		"{program} can't become root where sshd runs there (a container, NoNewPrivileges in its unit, a file system mounted with nosuid): log in as root"},
	{endSudo, says("sudo: (command )?not found|sudo: no such file"), "no sudo",
		"{program} refused: {said}",
		"log in as root, or install it on the node: apt-get install sudo"},
	{endSudo, says("doas: (command )?not found|doas: no such file"), "no doas",
		"{program} refused: {said}",
		"log in as root, or install it on the node: apt-get install doas; or use sudo: become = \"sudo\""},
	{endSudo, says("doas: doas is not enabled"), "doas without rules",
		"doas has no /etc/doas.conf there: {said}",
		"log in as root, or give it a rule on the node: {rule}"},
	{endSudo, says("is not in the sudoers file|may not run sudo|is not allowed to run sudo"), "user without a rule",
		"{program} refused: {said}",
		"log in as root, or allow it on the node: {rule}"},
	{endSudo, says("is not allowed to execute"), "rule for something else",
		"the rule that sudo there has for {name} does not allow what zup runs, which is sh: {said}",
		"log in as root, or have the rule allow sh too, on the node: {rule}"},
	{endSudo, says("operation not permitted"), "doas without a rule for the user",
		"doas there has no rule for {name} that allows what zup runs, which is sh: {said}",
		"log in as root, or add a rule to those of the node: {rule}"},
	{endSudo, says("password expired|password is expired|password has expired"), "password expired, for sudo",
		"the password of {name} has expired there: {said}",
		"log in by hand and change it: {passwd}"},
	{endSudo, says("account expired|account validation failure"), "account expired, for sudo",
		"the account {name} has expired there, or is locked: {said}",
		"look at it on the node, as root: chage -l {user}; chage -E -1 {user} lets it live for ever"},
	{endSudo, says("timed out reading password"), "password not in time",
		"nobody gave the password of {name} in the time that sudo allows (passwd_timeout): {said}",
		"run the same again"},
	{endSudo, says("syntax error|parse error|no valid sudoers sources|owned by uid|is world writable|unable to open /etc/sudoers"), "sudo's rules damaged",
		"sudo can't use its rules there: {said}",
		"look at them on the node, as root: visudo -c"},
	{endSudo, says("password is required|authentication required"), "sudo asks for a password",
		"{program} refused: {said}",
		"log in as root, or allow it on the node: {rule}"},
	{endSudo, nil, "sudo not allowed",
		"{program} refused: {said}",
		"log in as root, or see whether a rule of its own lets it, on the node: {rule}"},

	{endSession, nil, "too many sessions (MaxSessions)",
		"the server opens no further session on this connection, see MaxSessions in its sshd_config",
		"give MaxSessions in its /etc/ssh/sshd_config 10 again, which is sshd's default, and reload it"},

	{endLost, says("no sign of life"), "no sign of life any more",
		"connection lost: {said}",
		"the node, or the way to it, went away without a word: when it answers again, run the same again"},
	{endLost, says("jump host"), "jump host lost",
		"connection lost: {said}",
		"the node may be well: when the jump host answers again, run the same again"},
	{endLost, says("reset by peer|broken pipe"), "connection reset",
		"connection lost: {said}",
		"the machine was restarted, or a firewall on the way forgot the connection: run the same again"},
	{endLost, says("the server closed (it|the connection)|without an exit status"), "closed by the server",
		"connection lost: {said}",
		"sshd there was stopped, or ended this connection: its log says why (journalctl -u ssh); then run the same again"},
	{endLost, says("the command (has ended|said)"), "ProxyCommand ended",
		"connection lost: {said}",
		"the command that leads there has ended: when it works again, run the same again"},
	{endLost, nil, "lost",
		"connection lost: {said}",
		"it ended without a word that says why: run the same again"},
}

// troubleOf returns the first trouble that fits.
func troubleOf(of, said string) trouble {
	for _, e := range troubles {
		if e.of == of && (e.says == nil || e.says.MatchString(said)) {
			return e
		}
	}
	return trouble{sentence: "ended without a word"} // there is one for each: a test holds that
}

// values are what stands in a sentence or a hint for the words in braces.
type values map[string]string

// at has the values of an address.
func at(addr, via string) values {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		host = addr
	}
	v := values{"addr": addr, "host": shell.Quote(host), "port": port, "via": via, "ip": "ADDRESS", "payload": "1472"}
	v.goes(host)
	return v
}

// goes has the address that a name turned out to be, and how much of a ping fills a packet
// of 1,500 bytes to there.
func (v values) goes(host string) {
	a, err := netip.ParseAddr(host)
	if err != nil {
		return
	}
	v["ip"] = a.String()
	if a.Is6() {
		v["payload"] = "1452"
	}
}

// in puts the values into a text. An empty said is left out with the colon before it.
func (v values) in(text string) string {
	if v["said"] == "" {
		text = strings.ReplaceAll(text, ": {said}", "")
	}
	var pairs []string
	for name, value := range v {
		pairs = append(pairs, "{"+name+"}", value)
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// A sessionError says that no session is to be had on a connection that works.
type sessionError struct{}

func (*sessionError) Error() string { return troubleOf(endSession, "").sentence }

// Hint says what to change.
func (*sessionError) Hint() string { return troubleOf(endSession, "").hint }

// A WeakKeyError says that the key that a host has shown is shorter than it has to be.
type WeakKeyError struct {
	Addr string // host:port
	Err  error
}

func (e *WeakKeyError) Error() string {
	v := at(e.Addr, "")
	v["said"] = e.Err.Error()
	return v.in(e.trouble().sentence)
}

// Unwrap returns what is wrong with the key.
func (e *WeakKeyError) Unwrap() error { return e.Err }

// Hint says what to change.
func (e *WeakKeyError) Hint() string { return e.trouble().hint }

func (e *WeakKeyError) trouble() trouble { return troubleOf(endWeakKey, "") }

// trouble is the table's row of a key that nobody vouches for.
func (e *UnknownHostError) trouble() trouble { return troubleOf(endUnknown, "") }

func (e *UnknownHostError) values() values {
	v := at(e.Addr, "")
	v.keyOf(e.Jump, e.KeyType)
	v["said"] = "there is no known_hosts file"
	if len(e.Files) > 0 {
		v["said"] = "it is not in " + strings.Join(e.Files, ", ")
	}
	return v
}

// keyOf has the words for a key that is to be compared; jump is the name of a jump host, ""
// of a node.
func (v values) keyOf(jump, keyType string) {
	v["which"], v["whose"], v["keygen"] = "", "the node's", keygenOnHost(keyType)
	if jump != "" {
		v["which"], v["whose"] = "the jump host ", "the jump host's"
	}
}

// trouble is the table's row of another key than the right one.
func (e *HostKeyChangedError) trouble() trouble {
	switch {
	case e.Revoked:
		return troubleOf(endRevoked, "")
	case e.file() != "":
		return troubleOf(endChangedIn, "")
	case e.Jump != "":
		return troubleOf(endChangedPin, "")
	}
	return troubleOf(endChanged, "")
}

// file is one that has another key for the host, "" if none has.
func (e *HostKeyChangedError) file() string {
	for _, w := range e.Wanted {
		if w.File != "" {
			return w.File
		}
	}
	return ""
}

func (e *HostKeyChangedError) values() values {
	v := at(e.Addr, "")
	v.keyOf(e.Jump, e.KeyType)
	v["said"] = e.KeyType + " " + e.Fingerprint
	for _, w := range e.Wanted {
		v["said"] += ", by " + w.Source
	}
	v["remove"], v["pin"] = shell.Command("ssh-keygen", "-f", e.file(), "-R", e.Name), pinLine(e.Jump, e.HostKey)
	return v
}

// trouble is the table's row of a key that another host has.
func (e *SameKeyError) trouble() trouble { return troubleOf(endSameKey, "") }

// A HostCertError says that the certificate that a host has shown does not count.
type HostCertError struct {
	Addr string // host:port
	Name string // by which known_hosts has the host
	Err  error  // what is wrong with it
}

func (e *HostCertError) Error() string { return e.values().in(e.trouble().sentence) }

// Unwrap returns what is wrong with the certificate.
func (e *HostCertError) Unwrap() error { return e.Err }

// Hint says whose turn it is.
func (e *HostCertError) Hint() string { return e.values().in(e.trouble().hint) }

func (e *HostCertError) trouble() trouble { return troubleOf(endHostCert, e.Err.Error()) }

func (e *HostCertError) values() values {
	v := at(e.Addr, "")
	v["host"] = shell.Quote(e.Name)
	v["said"] = escape.Line(strings.TrimPrefix(e.Err.Error(), "ssh: "))
	return v
}

// trouble is the table's row of a connection that did not come about.
func (e *ConnectError) trouble() trouble {
	of := endNoAnswer
	switch {
	case e.Reason == ErrResolve && e.Via != "":
		of = endResolveVia
	case e.Reason == ErrResolve:
		of = endResolve
	case e.Reason == ErrRefused && e.Via != "":
		of = endRefusedVia
	case e.Reason == ErrRefused:
		of = endRefused
	case e.Reason == ErrNoAnswer && e.Via != "":
		of = endNoWayVia
	case e.Reason == ErrProxy:
		of = endProxy
	case e.Reason == ErrSilent:
		of = endSilent
	case e.Reason == ErrHangup && e.Greeting != "":
		of = endGreeted
	case e.Reason == ErrHangup && e.Via != "" && e.Detail == "":
		of = endHangupVia
	case e.Reason == ErrHangup:
		of = endHangup
	case e.Reason == ErrNotSSH:
		return e.notSSH()
	}
	return troubleOf(of, e.Detail)
}

func (e *ConnectError) notSSH() trouble {
	m := e.negotiation()
	switch {
	case m == nil && e.Greeting != "" && !strings.HasPrefix(e.Greeting, "SSH-1."):
		return troubleOf(endNotSSH, "after its greeting")
	case m == nil && strings.HasPrefix(e.Via, "the ProxyCommand"):
		return troubleOf(endNotSSHPipe, e.Detail)
	case m == nil:
		return troubleOf(endNotSSH, e.Detail)
	case e.Narrowed != "":
		return troubleOf(endNarrowed, "")
	}
	return troubleOf(endDisagree, m.What)
}

func (e *ConnectError) values() values {
	v := at(e.Addr, e.Via)
	v["said"], v["greeting"], v["narrowed"] = e.Detail, escape.Line(e.Greeting), e.Narrowed
	var tried *net.OpError
	if e.Via == "" && errors.As(e.Err, &tried) && tried.Addr != nil {
		v.goes(hostOnly(tried.Addr.String()))
	}
	var p *proxyError
	if errors.As(e.Err, &p) {
		v["command"] = shell.Command("sh", "-c", p.of.command)
	}
	if m := e.negotiation(); m != nil {
		v["ours"], v["theirs"] = usual(m.SupportedAlgorithms), escape.Line(strings.Join(m.RequestedAlgorithms, ", "))
	}
	return v
}

// usual is one of the algorithms that every sshd knows which is in use: one that it does
// not know would keep it from starting.
func usual(ours []string) string {
	for _, name := range []string{"curve25519-sha256", "ssh-ed25519", "aes128-ctr", "hmac-sha2-256"} {
		if slices.Contains(ours, name) {
			return name
		}
	}
	return ours[0]
}

// trouble is the table's row of a login that did not work.
func (e *AuthError) trouble() trouble {
	return troubleOf(e.of())
}

func (e *AuthError) of() (of, said string) {
	refused, signed := 0, false
	for _, k := range e.Keys {
		if k.silent != nil {
			return endSilentAgent, ""
		}
		switch k.Outcome {
		case outcomeSecurityKey:
			return endSecurityKey, ""
		case outcomeEncrypted:
			return endEncrypted, ""
		case outcomeNotTried:
			if e.takesKeys() {
				return endUntried, ""
			}
		case outcomeRefused:
			refused++
		case outcomeSigned:
			signed = true
		}
	}
	switch {
	case e.Partial:
		return endPartial, ""
	case !e.takesKeys():
		return endNoKeys, ""
	case signed:
		return endAccount, e.Said
	case len(e.Keys) == 0:
		return endKeyless, ""
	case e.expired():
		return endDenied, "certificate expired"
	case refused == 0:
		return endDenied, "none was refused"
	}
	return endDenied, ""
}

// expired reports whether the server has refused a certificate that is over.
func (e *AuthError) expired() bool {
	return slices.ContainsFunc(e.Keys, func(k KeyUse) bool { return strings.HasPrefix(k.Outcome, outcomeExpired) })
}

// takesKeys is so as long as the server has not said otherwise.
func (e *AuthError) takesKeys() bool {
	return len(e.Offers) == 0 || e.Partial || slices.Contains(e.Offers, "publickey")
}

func (e *AuthError) values() values {
	v := at(e.Addr, "")
	v["said"], v["user"], v["userhost"] = e.Said, shell.Quote(e.User), shell.Quote(e.User+"@"+hostOnly(e.Addr))
	v["portopt"] = ""
	if port := v["port"]; port != "22" && port != "" {
		v["portopt"] = "-p " + port + " "
	}
	for _, k := range slices.Backward(e.Keys) { // the first of each counts
		if k.silent != nil {
			v["agent"] = k.silent.Hint()
		}
		if k.Outcome == outcomeEncrypted || k.Outcome == outcomeSecurityKey {
			v["sshadd"] = shell.Command("ssh-add", shell.File(k.Source))
		}
	}
	return v
}

// trouble is the table's row of an account that does not run what it is asked to.
func (e *ShellError) trouble() trouble {
	if e.Flood > 0 {
		return troubleOf(endFlood, "")
	}
	if e.Waited > 0 {
		return troubleOf(endMute, "")
	}
	if e.Output == "" && e.Exit < 0 { // it has not ended
		return troubleOf(endShell, "")
	}
	return troubleOf(endShell, e.said())
}

func (e *ShellError) said() string {
	if e.Output == "" {
		return "it said nothing"
	}
	return e.Output
}

// ofAccount reports whether the account itself ended the session, whatever it was to run,
// and not what was run.
func (e *ShellError) ofAccount() bool {
	switch e.trouble().kind {
	case "password expired", "no logins for the time being (/etc/nologin)", "shell is nologin", "files only (internal-sftp)", "commands refused", "shell ends at once":
		return true
	}
	return false
}

// trouble is the table's row of a connection that worked.
func (e *LostError) trouble() trouble {
	var hop *JumpError
	switch {
	case e.Err == nil:
		return troubleOf(endLost, "")
	case errors.As(e.Err, &hop):
		return troubleOf(endLost, "jump host")
	}
	return troubleOf(endLost, e.Err.Error())
}
