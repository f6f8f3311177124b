package sshconfig

import (
	"errors"
	"fmt"
	"strings"
)

// A directive is one that is understood, or refused where it says something that is not.
type directive struct {
	most    int                // arguments; 0: any number
	several bool               // later values count too
	group   string             // with which others it shares one place: the first of them wins
	check   func(string) error // of the first argument; nil: it is the caller's to heed
}

var (
	refusedNotNone = only("zup does without it", "none", "no")
	refusedAlways  = only("zup does not follow it")
)

// directives are those that change to whom, how or as whom ssh connects. Whoever adds one
// that is kept makes package ssh heed it.
var directives = map[string]directive{
	"hostname":                 {most: 1},
	"port":                     {most: 1},
	"user":                     {most: 1, check: plain},
	"hostkeyalias":             {most: 1, check: plain},
	"proxyjump":                {most: 1, group: "proxy"},
	"proxycommand":             {most: 1, group: "proxy"},
	"proxyusefdpass":           {most: 1, check: yesNo},
	"identityfile":             {most: 1, several: true},
	"certificatefile":          {most: 1, several: true},
	"identitiesonly":           {most: 1, check: yesNo},
	"identityagent":            {most: 1},
	"userknownhostsfile":       {},
	"globalknownhostsfile":     {},
	"revokedhostkeys":          {most: 1},
	"knownhostscommand":        {most: 1},
	"checkhostip":              {most: 1, check: yesNo},
	"fingerprinthash":          {most: 1, check: only("", "md5", "sha1", "sha256", "sha384", "sha512")},
	"addressfamily":            {most: 1, check: only("", "any", "inet", "inet6")},
	"bindaddress":              {most: 1},
	"ciphers":                  {most: 1},
	"macs":                     {most: 1},
	"kexalgorithms":            {most: 1},
	"hostkeyalgorithms":        {most: 1},
	"pubkeyacceptedalgorithms": {most: 1},
	"casignaturealgorithms":    {most: 1},
	"requiredrsasize":          {most: 1},
	"setenv":                   {},
	"addkeystoagent":           {}, // only said, by Way
	"tag":                      {most: 1},
	"canonicalizehostname":     {most: 1, check: only("", "yes", "no", "always")},

	"bindinterface":        {check: refusedAlways},
	"pkcs11provider":       {check: only("zup takes such keys from an agent only: ssh-add -s", "none")},
	"pubkeyauthentication": {most: 1, check: only("zup logs in with keys only", "yes", "true", "unbound", "host-bound")},
	"refuseconnection":     {check: refusedAlways},
	"remotecommand":        {check: refusedNotNone},
	"requesttty":           {most: 1, check: only("zup has no terminal to offer", "no", "false", "auto")},
	"sessiontype":          {most: 1, check: only("zup runs commands", "default")},
}

// commands are the directives whose value is the rest of the line, quotes and all.
var commands = map[string]bool{"proxycommand": true, "knownhostscommand": true, "remotecommand": true}

// otherNames are older names of directives.
var otherNames = map[string]string{
	"dsaauthentication":      "pubkeyauthentication",
	"identityfile2":          "identityfile",
	"pubkeyacceptedkeytypes": "pubkeyacceptedalgorithms",
	"smartcarddevice":        "pkcs11provider",
}

// passedOver are the directives that change neither to whom nor how nor as whom zup
// connects: because they are about what it never does (forwarding, passwords, terminals,
// sharing connections, writing to known_hosts, starting local programs), because it has
// settings of its own (times, what is logged), or because it is stricter than any value.
var passedOver = set(`
	batchmode canonicaldomains canonicalizefallbacklocal canonicalizemaxdots canonicalizepermittedcnames
	challengeresponseauthentication channeltimeout clearallforwardings compression compressionlevel connectionattempts
	connecttimeout controlmaster controlpath controlpersist dynamicforward enableescapecommandline enablesshkeysign escapechar
	exitonforwardfailure forkafterauthentication forwardagent forwardx11 forwardx11timeout forwardx11trusted
	gatewayports gssapiauthentication gssapiclientidentity gssapidelegatecredentials gssapikexalgorithms gssapikeyexchange
	gssapirenewalforcesrekey gssapiserveridentity gssapitrustdns hashknownhosts hostbasedacceptedalgorithms hostbasedauthentication
	hostbasedkeytypes ipqos kbdinteractiveauthentication kbdinteractivedevices keepalive localcommand localforward loglevel
	logverbose nohostauthenticationforlocalhost numberofpasswordprompts obscurekeystroketiming passwordauthentication
	permitlocalcommand permitremoteopen preferredauthentications rekeylimit remoteforward securitykeyprovider
	sendenv serveralivecountmax serveraliveinterval skeyauthentication stdinnull streamlocalbindmask streamlocalbindunlink
	stricthostkeychecking syslogfacility tcpkeepalive tisauthentication tunnel tunneldevice updatehostkeys usekeychain verifyhostkeydns
	versionaddendum visualhostkey warnweakcrypto xauthlocation

	afstokenpassing cipher fallbacktorsh globalknownhostsfile2 kerberosauthentication kerberostgtpassing protocol
	rhostsauthentication rhostsrsaauthentication rsaauthentication useprivilegedport userknownhostsfile2 useroaming usersh`)

func set(words string) map[string]bool {
	all := map[string]bool{}
	for _, w := range strings.Fields(words) {
		all[w] = true
	}
	return all
}

// only refuses all values but these, for a reason.
func only(why string, values ...string) func(string) error {
	return func(v string) error {
		for _, ok := range values {
			if strings.EqualFold(v, ok) {
				return nil
			}
		}
		if why == "" {
			return fmt.Errorf("it is one of %s", strings.Join(values, ", "))
		}
		return errors.New(why)
	}
}

func yesNo(v string) error { return only("", "yes", "no", "true", "false")(v) }

// plain refuses what some versions of ssh expand and others take as it is.
func plain(v string) error {
	if strings.Contains(v, "%") || strings.Contains(v, "${") {
		return errors.New("versions of ssh differ in what they make of % and ${ there")
	}
	return nil
}
