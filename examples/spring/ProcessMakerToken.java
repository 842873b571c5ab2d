// Spring Vault keeps a live token for an application. Written from the source of
// Spring Vault's SecretLeaseContainer (3.2 or later; commit b8fce1d); not run by the
// tests of this repository. The role is one with renew_mode=none: its tokens are read
// again a minute before their lease ends. The token is taken from the event, never
// copied into a bean by @Value.

import java.util.concurrent.atomic.AtomicReference;

import org.springframework.stereotype.Component;
import org.springframework.vault.core.lease.SecretLeaseContainer;
import org.springframework.vault.core.lease.domain.RequestedSecret;
import org.springframework.vault.core.lease.event.SecretLeaseCreatedEvent;

@Component
public class ProcessMakerToken {

    private final AtomicReference<String> token = new AtomicReference<>();

    public ProcessMakerToken(SecretLeaseContainer container) {
        RequestedSecret secret = RequestedSecret.rotating("processmaker/creds/service");
        container.addLeaseListener(event -> {
            if (event instanceof SecretLeaseCreatedEvent created && event.getSource().equals(secret)) {
                token.set((String) created.getSecrets().get("access_token"));
            }
        });
        container.addRequestedSecret(secret);
    }

    /** The token for the next call; ask again for each. */
    public String current() {
        return token.get();
    }
}
