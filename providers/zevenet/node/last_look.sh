# A last look, right before anything is installed.
name_secrets
check_offer
