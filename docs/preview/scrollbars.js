// Stands for react-custom-scrollbars-2, whose old module format the bundler reads differently. A
// picture does not scroll.

import React from 'react';

export default React.forwardRef(function Scrollbars({ children, style }, ref) {
  React.useImperativeHandle(ref, () => ({ view: null }));
  return React.createElement('div', { style: { ...style, overflow: 'hidden', height: '100%' } }, children);
});
