package instance

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/internal/fields"
)

const configVersion = 1

// The defaults of the fields.
const (
	DefaultTLSMinVersion          = "tls12"
	DefaultRequestTimeout         = 15 * time.Second
	DefaultMaxConcurrentRequests  = 16
	DefaultTokenRequestsPerMinute = 60
)

// Config is the stored form of the mount's settings.
type Config struct {
	Version int `json:"version"`

	URL       string `json:"url"`
	AllowHTTP bool   `json:"allow_http"`

	AuthClient AuthClient `json:"auth_client"`

	CACert        string `json:"ca_cert"`
	ClientCert    string `json:"client_cert"`
	ClientKey     string `json:"client_key"`
	TLSServerName string `json:"tls_server_name"`
	TLSMinVersion string `json:"tls_min_version"`
	InsecureTLS   bool   `json:"insecure_tls"`
	ProxyURL      string `json:"proxy_url"`

	RequestTimeout         time.Duration `json:"request_timeout"`
	MaxConcurrentRequests  int           `json:"max_concurrent_requests"`
	TokenRequestsPerMinute int           `json:"token_requests_per_minute"`
	PasswordPolicy         string        `json:"password_policy"`

	// Deleted: the settings were deleted while credentials lived, whose ends need the connection.
	Deleted bool `json:"deleted"`
}

func (c *Config) CurrentVersion() int { return configVersion }
func (c *Config) Usable() bool        { return c.URL != "" }

// AuthClient is the stored form of an OAuth client. Role or config give all of its parts.
type AuthClient struct {
	ID     string `json:"client_id"`
	Secret string `json:"client_secret"`
	Method string `json:"client_auth_method"`
}

// ForClient is the auth client as the client takes it.
func (a AuthClient) ForClient() client.AuthClient {
	return client.AuthClient{ID: a.ID, Secret: a.Secret, Method: client.AuthMethod(a.Method)}
}

// Change applies the fields of a write. A secret belongs to its client: another id with the old
// secret would send that secret in another client's name.
func (a *AuthClient) Change(in *fields.Input) {
	before := *a
	in.Address("client_id", &a.ID)
	in.Secret("client_secret", &a.Secret)
	in.Choice("client_auth_method", &a.Method)
	if before.Secret != "" && a.ID != before.ID && !in.Given("client_secret") && in.Err == nil {
		in.Err = errors.New("changing client_id needs client_secret in the same request: the stored secret belongs to the old client. For example client_id=4 client_secret=@client-secret.txt")
	}
}

// Validate refuses half an auth client.
func (a AuthClient) Validate() error {
	if (a.ID == "") != (a.Secret == "") {
		return errors.New("client_id and client_secret go together: give both or none, for example client_id=3 client_secret=@client-secret.txt")
	}
	if strings.TrimSpace(a.ID) != a.ID {
		return errors.New("client_id begins or ends with a blank: write it without, for example client_id=3")
	}
	return nil
}

// NewConfig is a config with the defaults.
func NewConfig() *Config {
	return &Config{
		Version:                configVersion,
		AuthClient:             AuthClient{Method: string(client.ClientSecretPost)},
		TLSMinVersion:          DefaultTLSMinVersion,
		RequestTimeout:         DefaultRequestTimeout,
		MaxConcurrentRequests:  DefaultMaxConcurrentRequests,
		TokenRequestsPerMinute: DefaultTokenRequestsPerMinute,
	}
}

// Change applies the fields of a write.
func (c *Config) Change(in *fields.Input) {
	in.Address("url", &c.URL)
	c.URL = strings.TrimRight(c.URL, "/")
	in.Boolean("allow_http", &c.AllowHTTP)
	c.AuthClient.Change(in)
	in.PEM("ca_cert", &c.CACert)
	in.PEM("client_cert", &c.ClientCert)
	in.PEM("client_key", &c.ClientKey)
	in.Address("tls_server_name", &c.TLSServerName)
	in.Choice("tls_min_version", &c.TLSMinVersion)
	in.Boolean("insecure_tls", &c.InsecureTLS)
	in.Address("proxy_url", &c.ProxyURL)
	in.Duration("request_timeout", &c.RequestTimeout, time.Second, 30*time.Second)
	in.Number("max_concurrent_requests", &c.MaxConcurrentRequests, 2, 1000)
	in.Number("token_requests_per_minute", &c.TokenRequestsPerMinute, 0, 100000)
	in.Text("password_policy", &c.PasswordPolicy)
}

// Validate refuses settings that cannot work.
func (c *Config) Validate() error {
	if _, err := c.BaseURL(); err != nil {
		return err
	}
	if err := c.AuthClient.Validate(); err != nil {
		return err
	}
	_, err := c.forClient("")
	return err
}

// RedirectsSecrets names the field by whose change from old to c secrets would go to another place,
// or another place would pass for the old one; empty where there is none.
func (c *Config) RedirectsSecrets(old *Config) (field string) {
	switch {
	case c.URL != old.URL:
		return "url"
	case c.ProxyURL != old.ProxyURL:
		return "proxy_url"
	case c.TLSServerName != old.TLSServerName:
		return "tls_server_name"
	case c.InsecureTLS && !old.InsecureTLS:
		return "insecure_tls"
	default:
		return ""
	}
}

// BaseURL is the address of the instance.
func (c *Config) BaseURL() (*url.URL, error) {
	if c.URL == "" {
		return nil, errors.New("url is missing: the instance's own address, such as https://bpm.example.com")
	}
	parsed, err := url.Parse(c.URL)
	switch {
	case err != nil || parsed.Hostname() == "" || parsed.Opaque != "" || strings.ContainsAny(c.URL, " \t\r\n"):
		return nil, errors.New("url is not of the form https://host[:port][/path], such as https://bpm.example.com")
	case !UsablePort(parsed):
		return nil, errors.New("url has a port that cannot be: it lies between 1 and 65535")
	case parsed.User != nil:
		return nil, errors.New("url holds a user or password: those belong into roles")
	case parsed.RawQuery != "" || parsed.ForceQuery || parsed.Fragment != "" || strings.Contains(c.URL, "#"):
		return nil, errors.New("url has a query or a fragment: only scheme, host, port and path are used")
	case parsed.Scheme == "https":
	case parsed.Scheme != "http":
		return nil, errors.New("url must begin with https://, for example https://bpm.example.com")
	case !c.AllowHTTP && !IsLoopback(parsed.Hostname()):
		return nil, errors.New("url is http, which shows every password and token on the way; use https, or set allow_http=true if you must")
	}
	return parsed, nil
}

// UsablePort is false for ports that cannot be: net/url takes any digits, and none after a colon.
func UsablePort(address *url.URL) bool {
	if address.Port() == "" {
		return !strings.HasSuffix(address.Host, ":")
	}
	port, err := strconv.ParseUint(address.Port(), 10, 16)
	return err == nil && port > 0
}

// IsLoopback tells whether host is this machine.
func IsLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

var tlsVersions = map[string]uint16{"tls12": tls.VersionTLS12, "tls13": tls.VersionTLS13}

func (c *Config) forClient(userAgent string) (client.Config, error) {
	base, err := c.BaseURL()
	if err != nil {
		return client.Config{}, err
	}
	proxy, err := c.proxy()
	if err != nil {
		return client.Config{}, err
	}
	cfg := client.Config{
		BaseURL:                base,
		CACert:                 c.CACert,
		ClientCert:             c.ClientCert,
		ClientKey:              c.ClientKey,
		TLSServerName:          c.TLSServerName,
		TLSMinVersion:          tlsVersions[c.TLSMinVersion],
		InsecureTLS:            c.InsecureTLS,
		ProxyURL:               proxy,
		RequestTimeout:         c.RequestTimeout,
		MaxConcurrentRequests:  c.MaxConcurrentRequests,
		TokenRequestsPerMinute: c.TokenRequestsPerMinute,
		UserAgent:              userAgent,
	}
	return cfg, cfg.Validate()
}

// maskedPassword is what url.URL.Redacted writes in place of a password.
const maskedPassword = "xxxxx"

func (c *Config) proxy() (*url.URL, error) {
	if c.ProxyURL == "" {
		return nil, nil
	}
	parsed, err := url.Parse(c.ProxyURL)
	if err != nil || parsed.Hostname() == "" || !UsablePort(parsed) {
		return nil, errors.New("proxy_url is not of the form http://[user:password@]host:port, such as http://proxy.example.com:3128")
	}
	switch parsed.Scheme {
	case "http", "https", "socks5", "socks5h":
	default:
		return nil, errors.New("proxy_url must begin with http://, https://, socks5:// or socks5h://, for example http://proxy.example.com:3128")
	}
	if password, _ := parsed.User.Password(); password == maskedPassword {
		return nil, fmt.Errorf("proxy_url has %q in place of its password, as reading the config shows it; write it with the real one", maskedPassword)
	}
	return parsed, nil
}

// MaskedProxyURL is the proxy without its password.
func (c *Config) MaskedProxyURL() string {
	parsed, err := url.Parse(c.ProxyURL)
	if err != nil {
		return ""
	}
	return parsed.Redacted()
}

// ConnectionOnly is what is left of deleted settings: enough to end the tokens that live there.
func (c *Config) ConnectionOnly() *Config {
	remainder := *c
	remainder.AuthClient = AuthClient{Method: c.AuthClient.Method}
	remainder.Deleted = true
	return &remainder
}
