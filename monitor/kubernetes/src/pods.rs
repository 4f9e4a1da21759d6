//! The watch over the pods of this node.
