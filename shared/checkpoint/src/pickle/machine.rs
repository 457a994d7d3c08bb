use std::collections::BTreeMap;

use super::value::{Global, Id, Value};
use super::{Pickle, PickleError, opcode, torch};

/// The most opcodes that are read of a pickle: a released checkpoint has under ten thousand.
pub(crate) const MAX_OPCODES: usize = 1 << 22;

/// The stack machine.
pub(super) struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    /// The position of the current opcode.
    start: usize,
    values: Vec<Value>,
    stack: Vec<Id>,
    /// Heights of the stack at which marks were set.
    marks: Vec<usize>,
    memo: BTreeMap<u32, Id>,
}

type Result<T> = std::result::Result<T, PickleError>;

impl<'a> Machine<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            start: 0,
            values: Vec::new(),
            stack: Vec::new(),
            marks: Vec::new(),
            memo: BTreeMap::new(),
        }
    }

    pub(super) fn run(mut self) -> Result<Pickle> {
        for _ in 0..MAX_OPCODES {
            self.start = self.at;
            let [byte] = self.take()?;
            if byte == opcode::STOP {
                let root = self.pop()?;
                let values = self.values;
                return Ok(Pickle { values, root });
            }
            self.step(byte)?;
        }
        Err(PickleError::TooLong { limit: MAX_OPCODES })
    }

    fn step(&mut self, byte: u8) -> Result<()> {
        match byte {
            opcode::PROTO => self.take::<1>().map(drop),
            opcode::FRAME => self.take::<8>().map(drop),
            opcode::MARK => {
                self.marks.push(self.stack.len());
                Ok(())
            }
            opcode::NONE | opcode::NEWTRUE | opcode::NEWFALSE => self.push(Value::Plain),
            opcode::BINFLOAT => {
                self.take::<8>()?;
                self.push(Value::Plain)
            }
            opcode::BININT => {
                let value = i32::from_le_bytes(self.take()?);
                self.push(Value::Int(value.into()))
            }
            opcode::BININT1 => {
                let [value] = self.take()?;
                self.push(Value::Int(value.into()))
            }
            opcode::BININT2 => {
                let value = u16::from_le_bytes(self.take()?);
                self.push(Value::Int(value.into()))
            }
            opcode::LONG1 => self.long(),
            opcode::SHORT_BINUNICODE => {
                let [length] = self.take()?;
                self.text(length.into())
            }
            opcode::BINUNICODE => {
                let length = u32::from_le_bytes(self.take()?);
                self.text(length as usize)
            }
            opcode::EMPTY_LIST => self.push(Value::List(Vec::new())),
            opcode::EMPTY_DICT => self.push(Value::Dict(Vec::new())),
            opcode::EMPTY_TUPLE => self.push(Value::Tuple(Vec::new())),
            opcode::TUPLE1 => self.tuple(1),
            opcode::TUPLE2 => self.tuple(2),
            opcode::TUPLE3 => self.tuple(3),
            opcode::TUPLE => {
                let elements = self.since_mark()?;
                self.push(Value::Tuple(elements))
            }
            opcode::APPEND => {
                let element = self.pop()?;
                self.append(vec![element])
            }
            opcode::APPENDS => {
                let elements = self.since_mark()?;
                self.append(elements)
            }
            opcode::SETITEM => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.set_items(&[key, value])
            }
            opcode::SETITEMS => {
                let items = self.since_mark()?;
                self.set_items(&items)
            }
            opcode::BINPUT => {
                let [index] = self.take()?;
                self.put(index.into())
            }
            opcode::LONG_BINPUT => {
                let index = u32::from_le_bytes(self.take()?);
                self.put(index)
            }
            opcode::MEMOIZE => self.put(self.memo.len() as u32),
            opcode::BINGET => {
                let [index] = self.take()?;
                self.get(index.into())
            }
            opcode::LONG_BINGET => {
                let index = u32::from_le_bytes(self.take()?);
                self.get(index)
            }
            opcode::GLOBAL => {
                let (module, name) = (self.line()?, self.line()?);
                self.global(&module, &name)
            }
            opcode::STACK_GLOBAL => self.stack_global(),
            opcode::BINPERSID => {
                let id = self.pop()?;
                let storage = torch::storage(self, id)?;
                self.push(Value::Storage(storage))
            }
            opcode::REDUCE => self.reduce(),
            opcode::BUILD => self.build(),
            byte => Err(PickleError::Opcode {
                name: opcode::name(byte),
                byte,
                at: self.start,
            }),
        }
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut taken = [0; N];
        taken.copy_from_slice(self.slice(N)?);
        Ok(taken)
    }

    fn slice(&mut self, length: usize) -> Result<&'a [u8]> {
        let rest = &self.bytes[self.at..];
        if length > rest.len() {
            return Err(PickleError::Truncated {
                at: self.bytes.len(),
            });
        }
        self.at += length;
        Ok(&rest[..length])
    }

    /// Bytes up to a line feed, as text.
    fn line(&mut self) -> Result<String> {
        let rest = &self.bytes[self.at..];
        let end = rest.iter().position(|&byte| byte == b'\n');
        let end = end.ok_or(PickleError::Truncated {
            at: self.bytes.len(),
        })?;
        self.at += end + 1;
        Ok(String::from_utf8_lossy(&rest[..end]).into_owned())
    }

    pub(super) const fn malformed(&self, reason: &'static str) -> PickleError {
        PickleError::Malformed {
            at: self.start,
            reason,
        }
    }

    pub(super) fn value(&self, id: Id) -> &Value {
        &self.values[id.0 as usize]
    }

    fn push(&mut self, value: Value) -> Result<()> {
        // One value an opcode, so the index fits.
        let id = Id(self.values.len() as u32);
        self.values.push(value);
        self.stack.push(id);
        Ok(())
    }

    fn pop(&mut self) -> Result<Id> {
        let floor = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() <= floor {
            return Err(self.malformed("the stack is empty"));
        }
        self.stack.pop().ok_or(self.malformed("the stack is empty"))
    }

    fn since_mark(&mut self) -> Result<Vec<Id>> {
        let mark = self.marks.pop().ok_or(self.malformed("no mark is set"))?;
        Ok(self.stack.split_off(mark))
    }

    fn tuple(&mut self, count: usize) -> Result<()> {
        let mut elements = (0..count).map(|_| self.pop()).collect::<Result<Vec<_>>>()?;
        elements.reverse();
        self.push(Value::Tuple(elements))
    }

    fn text(&mut self, length: usize) -> Result<()> {
        let bytes = self.slice(length)?;
        let text = std::str::from_utf8(bytes).map_err(|_| self.malformed("text is not UTF-8"))?;
        self.push(Value::Text(text.to_owned()))
    }

    /// A little-endian two's complement integer. Integers of more than eight bytes are not needed.
    fn long(&mut self) -> Result<()> {
        let [length] = self.take()?;
        let digits = self.slice(length.into())?;
        let negative = digits.last().is_some_and(|&byte| byte & 0x80 != 0);
        let mut bytes = [if negative { 0xff } else { 0 }; 8];
        match bytes.get_mut(..digits.len()) {
            Some(low) => {
                low.copy_from_slice(digits);
                self.push(Value::Int(i64::from_le_bytes(bytes)))
            }
            None => self.push(Value::Plain),
        }
    }

    fn top(&mut self) -> Result<&mut Value> {
        let id = self.pop()?;
        self.stack.push(id);
        Ok(&mut self.values[id.0 as usize])
    }

    fn append(&mut self, elements: Vec<Id>) -> Result<()> {
        let not_a_list = self.malformed("appends to something that is no list");
        match self.top()? {
            Value::List(list) => {
                list.extend(elements);
                Ok(())
            }
            _ => Err(not_a_list),
        }
    }

    fn set_items(&mut self, items: &[Id]) -> Result<()> {
        let not_a_dict = self.malformed("sets items of something that is no dictionary");
        let odd = self.malformed("a key has no value");
        let (pairs, []) = items.as_chunks::<2>() else {
            return Err(odd);
        };
        match self.top()? {
            Value::Dict(entries) => {
                entries.extend(pairs.iter().map(|&[key, value]| (key, value)));
                Ok(())
            }
            _ => Err(not_a_dict),
        }
    }

    fn put(&mut self, index: u32) -> Result<()> {
        let id = self.pop()?;
        self.stack.push(id);
        self.memo.insert(index, id);
        Ok(())
    }

    fn get(&mut self, index: u32) -> Result<()> {
        let id = self.memo.get(&index).copied();
        let id = id.ok_or(self.malformed("refers to a value that was not kept"))?;
        self.stack.push(id);
        Ok(())
    }

    fn stack_global(&mut self) -> Result<()> {
        let (name, module) = (self.pop()?, self.pop()?);
        match (self.value(module), self.value(name)) {
            (Value::Text(module), Value::Text(name)) => {
                let (module, name) = (module.clone(), name.clone());
                self.global(&module, &name)
            }
            _ => Err(self.malformed("a global without a name")),
        }
    }

    fn global(&mut self, module: &str, name: &str) -> Result<()> {
        let known = Global::parse(module, name).ok_or_else(|| PickleError::Global {
            module: module.to_owned(),
            name: name.to_owned(),
            at: self.start,
        })?;
        self.push(Value::Global(known))
    }

    fn reduce(&mut self) -> Result<()> {
        let (arguments, callable) = (self.pop()?, self.pop()?);
        let &Value::Global(global) = self.value(callable) else {
            return Err(self.malformed("calls something that is no known global"));
        };
        let Value::Tuple(arguments) = self.value(arguments) else {
            return Err(self.malformed("arguments that are no tuple"));
        };
        let value = torch::construct(self, global, arguments)?;
        self.push(value)
    }

    /// Attributes of a dictionary, such as a state dict's `_metadata`, are ignored.
    fn build(&mut self) -> Result<()> {
        self.pop()?;
        let not_a_dict = self.malformed("sets attributes of something that is no dictionary");
        match self.top()? {
            Value::Dict(_) => Ok(()),
            _ => Err(not_a_dict),
        }
    }
}
