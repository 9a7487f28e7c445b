// Opens Razorpay's window above the page, and sends on what it signs.
(() => {
  "use strict";
  const button = document.getElementById("pay"), form = document.getElementById("paid");
  if (!button || !form) return;
  const open = () => {
    if (!window.Razorpay) return;
    const options = JSON.parse(button.dataset.options);
    options.handler = (answer) => {
      for (const [name, value] of Object.entries(answer)) {
        const field = document.createElement("input");
        field.type = "hidden"; field.name = name; field.value = value;
        form.append(field);
      }
      form.submit();
    };
    new window.Razorpay(options).open();
  };
  button.addEventListener("click", open);
  open();
})();
