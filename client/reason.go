package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

// reasonFor says why an exchange failed below HTTP. Only kinds of errors known
// to hold addresses, certificate names and system messages are quoted: others
// (net/http's about malformed answers) quote what the server sent.
func reasonFor(err error, timeout time.Duration) string {
	var (
		dnsErr       *net.DNSError
		verification *tls.CertificateVerificationError
		authority    x509.UnknownAuthorityError
		hostname     x509.HostnameError
		invalid      x509.CertificateInvalidError
		alert        tls.AlertError
		record       tls.RecordHeaderError
		opErr        *net.OpError
		errno        syscall.Errno
	)
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), isTimeout(err):
		return fmt.Sprintf("no answer within %s", timeout)
	case errors.As(err, &dnsErr):
		return fmt.Sprintf("the name %q could not be resolved", dnsErr.Name)
	case errors.As(err, &authority), errors.As(err, &hostname), errors.As(err, &invalid), errors.As(err, &verification):
		return certificateReason(authority, hostname, invalid, verification)
	case errors.As(err, &alert):
		return "the server ended the TLS handshake: " + alert.Error()
	case errors.As(err, &record):
		return "the server does not speak TLS at this address"
	case errors.As(err, &opErr) && errors.As(opErr.Err, &errno):
		return fmt.Sprintf("%s %s: %s", opErr.Op, address(opErr), errno.Error())
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection was closed before the answer was complete"
	case errors.As(err, &opErr):
		return fmt.Sprintf("%s %s failed", opErr.Op, address(opErr))
	default:
		return "the connection broke, or a proxy on the way refused it"
	}
}

func isTimeout(err error) bool {
	var netErr net.Error
	return errors.As(err, &netErr) && netErr.Timeout()
}

func address(err *net.OpError) string {
	if err.Addr == nil {
		return err.Net
	}
	return err.Addr.String()
}

func certificateReason(authority x509.UnknownAuthorityError, hostname x509.HostnameError, invalid x509.CertificateInvalidError, verification *tls.CertificateVerificationError) string {
	switch {
	case authority.Cert != nil:
		return "the server's certificate is not signed by a trusted authority; set ca_cert"
	case hostname.Certificate != nil:
		return fmt.Sprintf("the server's certificate is not for %q; set tls_server_name or use the certificate's name", hostname.Host)
	case invalid.Cert != nil:
		return "the server's certificate is not valid: " + invalid.Error()
	case verification != nil:
		return "the server's certificate could not be verified"
	default:
		return "the server's certificate was refused"
	}
}
