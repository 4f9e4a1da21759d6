document.body.textContent = `${import.meta.env.VITE_TITLE} ${import.meta.env.VITE_MODE}`;
