# A token for one Terraform run, without ephemeral resources. Terraform stores the
# token in the state and in a saved plan. A token in a saved plan is soon invalid, so
# run `terraform apply` without one. Protect the state like a password.

terraform {
  required_providers {
    vault = {
      source = "hashicorp/vault"
    }
    restapi = {
      source = "Mastercard/restapi"
    }
  }
}

provider "vault" {
  max_lease_ttl_seconds = 3600
}

data "vault_generic_secret" "processmaker" {
  path = "processmaker/creds/ci"
}

provider "restapi" {
  uri = "https://bpm.example.com/api/1.0"
  headers = {
    Authorization = "Bearer ${data.vault_generic_secret.processmaker.data["access_token"]}"
  }
}
