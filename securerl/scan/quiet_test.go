package scan_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/rng"
	"securecoderl/securerl/sandbox"
	"securecoderl/securerl/scan"
)

// What Bandit's rules ask for: modules, names, keywords, and values of all kinds, those
// included on which a rule fails.
var (
	asked = strings.Fields(`os subprocess builtins hashlib crypt yaml jinja2 mako requests httpx flask django.db.models django.utils.safestring
		paramiko tarfile torch transformers huggingface_hub ssl logging.config markupsafe pysnmp.hlapi random pickle marshal tempfile ftplib
		urllib.request xml.sax telnetlib cryptography.hazmat.primitives.asymmetric.rsa Crypto.PublicKey.RSA importlib json math`)
	called = strings.Fields(`system popen Popen call run check_output getoutput execv spawnl startfile md5 new crypt load loads Environment Template get post
		Client extra RawSQL mark_safe exec_command set_missing_host_key_policy extractall from_pretrained wrap_socket Context listen Markup
		CommunityData UsmUserData generate generate_private_key chmod fchmod mktemp urlopen urlretrieve FTP Telnet parse random randint choice
		eval exec input print split join append sorted int map import_module __import__ hf_hub_download SafeText mkdtemp`)
	given = []string{"", "x", "'ls'", "'/tmp/x'", "'0.0.0.0'", "'ls *'", "['ls', '-l']", "{x}", "{[1]}", "([1],)", "0o777", "1024", "f'select {x} from y'",
		"'select * from t where a=' + x", "a.b", "*x", "'f', 0o777", "True", "'password'", "b'\\xff'", "'md5'", "{1: 2}", "lambda: 0", "None"}
	named = []string{"", "shell=True", "shell=False", "shell=x", "verify=False", "timeout=None", "debug=True", "password='abc'", "token=x", "method=SSLv2_METHOD",
		"ssl_version=ssl.PROTOCOL_SSLv2", "end=''", "sep='/tmp'", "key=len", "reverse=[1]", "**x", "**'x'", "Loader=SafeLoader", "usedforsecurity=False",
		"autoescape=False", "members=[]", "filter='data'", "mode=0o777", "revision='main'", "default={[1]}", "key_size=512", "sql='x'", "mpModel=0", "name='os'"}
)

// Programs of calls drawn from these, by key: each has the findings and places of stock
// Bandit, so that no call that a rule asks for is passed over as quiet.
func TestQuietCallsAreQuietToBanditToo(t *testing.T) {
	python, err := sandbox.FindPython()
	require.NoError(t, err)
	stock, err := scan.NewStock(context.Background(), python)
	require.NoError(t, err)
	defer func() { assert.NoError(t, stock.Close()) }()
	s := open(t)
	draw := rng.New(1).Name("quiet").Stream()
	pick := func(list []string) string { return list[draw.IntN(len(list))] }
	var list [][]byte
	for range 150 {
		var b strings.Builder
		var modules []string
		for i := range 3 {
			m := pick(asked)
			modules = append(modules, m)
			switch draw.IntN(3) {
			case 0:
				fmt.Fprintf(&b, "import %s\n", m)
			case 1:
				fmt.Fprintf(&b, "import %s as m%d\n", m, i)
				modules[i] = fmt.Sprintf("m%d", i)
			default:
				fmt.Fprintf(&b, "from %s import %s as f%d, %s\n", m, pick(called), i, pick(called))
			}
		}
		for range 25 {
			name := pick([]string{pick(modules) + "." + pick(called), pick(called), "f" + fmt.Sprint(draw.IntN(3)), "x()." + pick(called), "'a'." + pick(called)})
			args := strings.Trim(pick(given)+", "+pick(named), ", ")
			fmt.Fprintf(&b, "y = %s(%s)\n", name, args)
		}
		list = append(list, []byte(b.String()))
	}
	reports, _, err := stock.Scan(list)
	require.NoError(t, err)
	found := 0
	for i, source := range list {
		ours, err := s.Scan(context.Background(), source)
		require.NoError(t, err)
		if reports[i].Error == "" && ours.Status == scan.Plugin {
			ours.Status = scan.OK // a rule failed on it in both; Bandit only logs that
		}
		if !assert.Empty(t, reports[i].Differs(source, ours), "%s", source) {
			break
		}
		found += len(ours.Findings)
	}
	assert.Greater(t, found, 500)
}
