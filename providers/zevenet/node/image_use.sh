# From here on apt knows the offline image and nothing else, whatever is called.
name_secrets
take_image
