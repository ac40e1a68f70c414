"""One function a figure: data in, (figure, axes) out; nothing is shown or saved here."""
