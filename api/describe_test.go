package api_test

import (
	"fmt"
	"go/types"
	"slices"
	"strconv"
	"strings"
)

// describe returns the lines of a package, sorted, without those that say the
// same.
func describe(pkg *types.Package) []string {
	d := &describer{pkg: pkg}
	scope := pkg.Scope()
	for _, name := range scope.Names() {
		if o := scope.Lookup(name); o.Exported() {
			d.object(o)
		}
	}
	slices.Sort(d.lines)
	return slices.Compact(d.lines)
}

type describer struct {
	pkg   *types.Package
	lines []string
}

func (d *describer) add(format string, a ...any) {
	d.lines = append(d.lines, "pkg "+d.pkg.Name()+", "+fmt.Sprintf(format, a...))
}

func (d *describer) object(o types.Object) {
	switch o := o.(type) {
	case *types.Const:
		d.add("const %s %s", o.Name(), d.spell(o.Type()))
		d.add("const %s = %s", o.Name(), o.Val().ExactString())
	case *types.Var:
		d.add("var %s %s", o.Name(), d.spell(o.Type()))
	case *types.Func:
		d.add("func %s%s", o.Name(), d.signature(o.Signature()))
	case *types.TypeName:
		d.typeName(o)
	}
}

func (d *describer) typeName(o *types.TypeName) {
	if o.IsAlias() {
		d.add("type %s = %s", o.Name(), d.spell(types.Unalias(o.Type())))
		return
	}
	named := o.Type().(*types.Named)
	name := o.Name() + d.parameters(named.TypeParams())
	switch u := named.Underlying().(type) {
	case *types.Struct:
		d.add("type %s struct", name)
		d.fields(name, u)
	case *types.Interface:
		d.interfaceOf(name, u)
		return // its methods are there
	default:
		d.add("type %s %s", name, d.spell(u))
	}
	value := types.NewMethodSet(named)
	pointer := types.NewMethodSet(types.NewPointer(named)) // holds the promoted ones as well
	for m := range pointer.Methods() {
		f := m.Obj().(*types.Func)
		if !f.Exported() {
			continue
		}
		receiver := "*" + name
		if value.Lookup(f.Pkg(), f.Name()) != nil {
			receiver = name
		}
		d.add("method (%s) %s%s", receiver, f.Name(), d.signature(m.Type().(*types.Signature)))
	}
}

// fields describes the exported fields, and those that an embedded field lends.
func (d *describer) fields(name string, s *types.Struct) {
	for i := range s.NumFields() {
		f, tag := s.Field(i), s.Tag(i)
		if tag != "" {
			tag = " " + strconv.Quote(tag)
		}
		embedded := f.Type()
		if p, ok := embedded.(*types.Pointer); ok {
			embedded = p.Elem()
		}
		switch inner, isStruct := embedded.Underlying().(*types.Struct); {
		case f.Exported() && f.Embedded():
			d.add("type %s struct, embedded %s%s", name, d.spell(f.Type()), tag)
		case f.Exported():
			d.add("type %s struct, %s %s%s", name, f.Name(), d.spell(f.Type()), tag)
		case f.Embedded() && isStruct:
			d.fields(name, inner)
		}
	}
}

// interfaceOf describes an interface with all its methods, wherever it has them
// from. With one that nobody else can implement, methods may be added.
func (d *describer) interfaceOf(name string, i *types.Interface) {
	if !i.IsMethodSet() {
		d.add("type %s %s", name, d.spell(i))
		return
	}
	var methods []string
	unexported := false
	for m := range i.Methods() {
		if !m.Exported() {
			unexported = true
			continue
		}
		methods = append(methods, m.Name())
		d.add("type %s interface, %s%s", name, m.Name(), d.signature(m.Signature()))
	}
	if unexported {
		d.add("type %s interface, unexported methods", name)
		return
	}
	slices.Sort(methods)
	d.add("type %s interface { %s }", name, strings.Join(methods, ", "))
}

func (d *describer) signature(s *types.Signature) string {
	var b strings.Builder
	b.WriteString(d.parameters(s.TypeParams()))
	b.WriteString("(" + d.tuple(s.Params(), s.Variadic()) + ")")
	switch s.Results().Len() {
	case 0:
	case 1:
		b.WriteString(" " + d.tuple(s.Results(), false))
	default:
		b.WriteString(" (" + d.tuple(s.Results(), false) + ")")
	}
	return b.String()
}

func (d *describer) tuple(t *types.Tuple, variadic bool) string {
	var all []string
	for v := range t.Variables() {
		all = append(all, d.spell(v.Type()))
	}
	if variadic {
		last := len(all) - 1
		all[last] = "..." + strings.TrimPrefix(all[last], "[]")
	}
	return strings.Join(all, ", ")
}

func (d *describer) parameters(list *types.TypeParamList) string {
	if list.Len() == 0 {
		return ""
	}
	var all []string
	for p := range list.TypeParams() {
		all = append(all, d.spell(p)+" "+d.spell(p.Constraint()))
	}
	return "[" + strings.Join(all, ", ") + "]"
}

// spell returns a type as others see it: without the names of parameters and of
// type parameters, which may change, and under one name where Go has two.
func (d *describer) spell(t types.Type) string {
	switch t := t.(type) {
	case *types.Basic:
		if t.Kind() == types.UnsafePointer {
			return "unsafe.Pointer"
		}
		return strings.Replace(types.Typ[t.Kind()].Name(), "untyped ", "ideal-", 1) // byte is uint8
	case *types.Alias:
		return d.qualified(t.Obj()) + d.arguments(t.TypeArgs())
	case *types.Named:
		return d.qualified(t.Obj()) + d.arguments(t.TypeArgs())
	case *types.TypeParam:
		return fmt.Sprintf("$%d", t.Index())
	case *types.Pointer:
		return "*" + d.spell(t.Elem())
	case *types.Slice:
		return "[]" + d.spell(t.Elem())
	case *types.Array:
		return fmt.Sprintf("[%d]%s", t.Len(), d.spell(t.Elem()))
	case *types.Map:
		return fmt.Sprintf("map[%s]%s", d.spell(t.Key()), d.spell(t.Elem()))
	case *types.Chan:
		return map[types.ChanDir]string{
			types.SendRecv: "chan ", types.SendOnly: "chan<- ", types.RecvOnly: "<-chan ",
		}[t.Dir()] + d.spell(t.Elem())
	case *types.Signature:
		return "func" + d.signature(t)
	case *types.Interface:
		if t.Empty() {
			return "any"
		}
	}
	return types.TypeString(t, func(p *types.Package) string { return p.Name() }) // struct{}, a constraint
}

func (d *describer) arguments(list *types.TypeList) string {
	var all []string
	for t := range list.Types() {
		all = append(all, d.spell(t))
	}
	if len(all) == 0 {
		return ""
	}
	return "[" + strings.Join(all, ", ") + "]"
}

// qualified is the name of a type, with that of its package where it is another.
func (d *describer) qualified(o *types.TypeName) string {
	if o.Pkg() == nil || o.Pkg() == d.pkg {
		return o.Name()
	}
	return o.Pkg().Name() + "." + o.Name()
}

// difference returns the lines of is that are not in was, and the other way
// round. An identifier that has changed is in both.
func difference(was, is []string) (added, removed []string) {
	without := func(a, b []string) (rest []string) {
		for _, line := range a {
			if !slices.Contains(b, line) {
				rest = append(rest, line)
			}
		}
		return rest
	}
	return without(is, was), without(was, is)
}
