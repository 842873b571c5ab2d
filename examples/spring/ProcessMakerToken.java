// Spring Vault keeps a live token for an application. The role has renew_mode=none,
// so that Spring Vault reads a new token a minute before the lease ends. The class
// takes the token from the event. Do not copy it into a bean with @Value.

import java.util.concurrent.atomic.AtomicReference;

import org.springframework.stereotype.Component;
import org.springframework.vault.core.lease.SecretLeaseContainer;
import org.springframework.vault.core.lease.domain.RequestedSecret;
import org.springframework.vault.core.lease.event.SecretLeaseCreatedEvent;

@Component
public class ProcessMakerToken {

    private final AtomicReference<String> token = new AtomicReference<>();

    public ProcessMakerToken(SecretLeaseContainer container) {
        RequestedSecret secret = RequestedSecret.rotating("processmaker/creds/ci");
        container.addLeaseListener(event -> {
            if (event instanceof SecretLeaseCreatedEvent created && event.getSource().equals(secret)) {
                token.set((String) created.getSecrets().get("access_token"));
            }
        });
        container.addRequestedSecret(secret);
    }

    /** The token for the next call. Call this method before each call. */
    public String current() {
        return token.get();
    }
}
