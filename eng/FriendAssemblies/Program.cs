// Writes copies of assemblies in which internals are public, for the compiler only: they are never loaded or shipped.
// Usage: FriendAssemblies <output folder> <assembly>...

using System.Buffers.Binary;
using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;

if (args.Length < 2)
{
    Console.Error.WriteLine("usage: FriendAssemblies <output folder> <assembly>...");
    return 1;
}

Directory.CreateDirectory(args[0]);
foreach (string path in args[1..])
{
    byte[] image = File.ReadAllBytes(path);
    OpenUp(image);
    string target = Path.Combine(args[0], Path.GetFileName(path));
    File.WriteAllBytes(target + ".tmp", image);
    File.Move(target + ".tmp", target, overwrite: true);
}

return 0;

static void OpenUp(byte[] image)
{
    using var pe = new PEReader(new MemoryStream(image, writable: false));
    MetadataReader metadata = pe.GetMetadataReader();
    int start = pe.PEHeaders.MetadataStartOffset;

    // Rows of ECMA-335 II.22: TypeDef begins with 4 bytes of flags, Field with 2; a MethodDef's 2 follow its RVA and ImplFlags.
    foreach (Span<byte> flags in Rows(image, metadata, start, TableIndex.TypeDef, offset: 0))
    {
        var type = (TypeAttributes)BinaryPrimitives.ReadUInt32LittleEndian(flags);
        TypeAttributes visibility = (type & TypeAttributes.VisibilityMask) switch
        {
            TypeAttributes.NotPublic => TypeAttributes.Public,
            TypeAttributes.NestedAssembly => TypeAttributes.NestedPublic,
            TypeAttributes.NestedFamANDAssem => TypeAttributes.NestedFamily,
            var other => other,
        };
        BinaryPrimitives.WriteUInt32LittleEndian(flags, (uint)(type & ~TypeAttributes.VisibilityMask | visibility));
    }

    foreach (Span<byte> flags in Rows(image, metadata, start, TableIndex.MethodDef, offset: 6))
        OpenUpMember(flags);
    foreach (Span<byte> flags in Rows(image, metadata, start, TableIndex.Field, offset: 0))
        OpenUpMember(flags);
}

// MethodAttributes and FieldAttributes share their access bits.
static void OpenUpMember(Span<byte> flags)
{
    var member = (MethodAttributes)BinaryPrimitives.ReadUInt16LittleEndian(flags);
    MethodAttributes access = (member & MethodAttributes.MemberAccessMask) switch
    {
        MethodAttributes.Assembly => MethodAttributes.Public,
        MethodAttributes.FamANDAssem => MethodAttributes.Family,
        var other => other,
    };
    BinaryPrimitives.WriteUInt16LittleEndian(flags, (ushort)(member & ~MethodAttributes.MemberAccessMask | access));
}

static RowFlags Rows(byte[] image, MetadataReader metadata, int start, TableIndex table, int offset) => new(
    image,
    start + metadata.GetTableMetadataOffset(table) + offset,
    metadata.GetTableRowSize(table),
    metadata.GetTableRowCount(table));

internal ref struct RowFlags(byte[] image, int first, int stride, int count)
{
    private int _row = -1;

    public readonly RowFlags GetEnumerator() => this;

    public readonly Span<byte> Current => image.AsSpan(first + _row * stride, 4);

    public bool MoveNext() => ++_row < count;
}
