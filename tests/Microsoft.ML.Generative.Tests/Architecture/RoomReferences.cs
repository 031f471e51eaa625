using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;

namespace Microsoft.ML.Generative.Tests.Architecture;

/// <summary>
/// Reads from the library's assembly which type uses which, and from its symbols in which folder each type's source stands. Method bodies
/// count too; names that the compiler replaces by constants (<c>nameof</c>, <c>const</c>) do not.
/// </summary>
internal sealed class RoomReferences : IDisposable
{
    private const string SourceRoot = "/src/Microsoft.ML.Generative/";

    // Portable PDB: documents of types without methods.
    private static readonly Guid _typeDefinitionDocuments = new("932E74BC-DBA9-4478-8D46-0F32A7BAB3D3");

    private readonly PEReader _file;
    private readonly MetadataReader _metadata;
    private readonly MetadataReaderProvider _symbolFile;
    private readonly MetadataReader _symbols;
    private readonly SignatureTypes _signatures;
    private readonly Dictionary<TypeDefinitionHandle, string> _folders = [];

    public RoomReferences(string assemblyPath)
    {
        _file = new PEReader(File.OpenRead(assemblyPath));
        _metadata = _file.GetMetadataReader();
        _symbolFile = MetadataReaderProvider.FromPortablePdbStream(File.OpenRead(Path.ChangeExtension(assemblyPath, ".pdb")));
        _symbols = _symbolFile.GetMetadataReader();
        _signatures = new SignatureTypes(_metadata);
        FindFolders();
    }

    /// <summary>Top-level types with their folder below the library's source, "" for its root.</summary>
    public IEnumerable<(string Namespace, string Name, string Folder, bool IsPublic)> Types =>
        _folders.Select(pair => (Type: _metadata.GetTypeDefinition(pair.Key), Folder: pair.Value))
            .Select(t => (_metadata.GetString(t.Type.Namespace), _metadata.GetString(t.Type.Name), t.Folder,
                (t.Type.Attributes & TypeAttributes.VisibilityMask) == TypeAttributes.Public));

    /// <summary>Every use of a top-level type by another.</summary>
    public IEnumerable<(string User, string UserFolder, string Used, string UsedFolder)> Uses()
    {
        foreach (TypeDefinitionHandle handle in _metadata.TypeDefinitions)
        {
            TypeDefinitionHandle user = TopLevel(handle);
            if (!_folders.TryGetValue(user, out string? userFolder))
                continue;
            var used = new HashSet<TypeDefinitionHandle>();
            Collect(_metadata.GetTypeDefinition(handle), used);
            foreach (TypeDefinitionHandle target in used.Select(TopLevel).Distinct())
            {
                if (target != user && _folders.TryGetValue(target, out string? usedFolder))
                    yield return (NameOf(user), userFolder, NameOf(target), usedFolder);
            }
        }
    }

    /// <summary>Every call of another assembly's method, with the name of the type that declares it, by a top-level type.</summary>
    public IEnumerable<(string User, string Type, string Method)> ExternalCalls() =>
        from handle in _metadata.TypeDefinitions
        from method in _metadata.GetTypeDefinition(handle).GetMethods().Select(_metadata.GetMethodDefinition)
        where method.RelativeVirtualAddress != 0
        from token in TokensOf(_file.GetMethodBody(method.RelativeVirtualAddress))
        where token.Kind == HandleKind.MemberReference
        let member = _metadata.GetMemberReference((MemberReferenceHandle)token)
        where member.Parent.Kind == HandleKind.TypeReference
        let type = _metadata.GetTypeReference((TypeReferenceHandle)member.Parent)
        select (NameOf(TopLevel(handle)), _metadata.GetString(type.Name), _metadata.GetString(member.Name));

    public void Dispose()
    {
        _symbolFile.Dispose();
        _file.Dispose();
    }

    private string NameOf(TypeDefinitionHandle type) => _metadata.GetString(_metadata.GetTypeDefinition(type).Name);

    private TypeDefinitionHandle TopLevel(TypeDefinitionHandle type)
    {
        for (TypeDefinitionHandle outer = _metadata.GetTypeDefinition(type).GetDeclaringType();
            !outer.IsNil;
            outer = _metadata.GetTypeDefinition(type).GetDeclaringType())
            type = outer;
        return type;
    }

    private void FindFolders()
    {
        foreach (TypeDefinitionHandle handle in _metadata.TypeDefinitions)
        {
            foreach (DocumentHandle document in DocumentsOf(handle).Where(d => !d.IsNil))
            {
                string path = _symbols.GetString(_symbols.GetDocument(document).Name).Replace('\\', '/');
                int start = path.LastIndexOf(SourceRoot, StringComparison.Ordinal);
                if (start < 0 || path.Contains("/obj/", StringComparison.Ordinal))
                    continue;
                _folders[TopLevel(handle)] = Path.GetDirectoryName(path[(start + SourceRoot.Length)..])!.Replace('\\', '/');
            }
        }
    }

    private IEnumerable<DocumentHandle> DocumentsOf(TypeDefinitionHandle type)
    {
        foreach (MethodDefinitionHandle method in _metadata.GetTypeDefinition(type).GetMethods())
        {
            MethodDebugInformation information = _symbols.GetMethodDebugInformation(method.ToDebugInformationHandle());
            yield return information.Document;
        }

        foreach (CustomDebugInformationHandle handle in _symbols.GetCustomDebugInformation(type))
        {
            CustomDebugInformation information = _symbols.GetCustomDebugInformation(handle);
            if (_symbols.GetGuid(information.Kind) != _typeDefinitionDocuments)
                continue;
            BlobReader blob = _symbols.GetBlobReader(information.Value);
            while (blob.RemainingBytes > 0)
                yield return MetadataTokens.DocumentHandle(blob.ReadCompressedInteger());
        }
    }

    private void Collect(TypeDefinition type, HashSet<TypeDefinitionHandle> used)
    {
        Add(type.BaseType, used);
        foreach (InterfaceImplementationHandle handle in type.GetInterfaceImplementations())
            Add(_metadata.GetInterfaceImplementation(handle).Interface, used);
        foreach (FieldDefinitionHandle handle in type.GetFields())
            used.UnionWith(_metadata.GetFieldDefinition(handle).DecodeSignature(_signatures, null));
        foreach (MethodDefinitionHandle handle in type.GetMethods())
        {
            MethodDefinition method = _metadata.GetMethodDefinition(handle);
            Add(method.DecodeSignature(_signatures, null), used);
            if (method.RelativeVirtualAddress != 0)
                CollectBody(_file.GetMethodBody(method.RelativeVirtualAddress), used);
        }
    }

    private void CollectBody(MethodBodyBlock body, HashSet<TypeDefinitionHandle> used)
    {
        if (!body.LocalSignature.IsNil)
        {
            foreach (HashSet<TypeDefinitionHandle> local in _metadata.GetStandaloneSignature(body.LocalSignature)
                .DecodeLocalSignature(_signatures, null))
                used.UnionWith(local);
        }

        foreach (EntityHandle token in TokensOf(body))
            Add(token, used);
    }

    private static IEnumerable<EntityHandle> TokensOf(MethodBodyBlock body) =>
        MethodCode.Tokens(body.GetILBytes()!).Select(operand => MetadataTokens.EntityHandle(operand.Token));

    private void Add(MethodSignature<HashSet<TypeDefinitionHandle>> signature, HashSet<TypeDefinitionHandle> used)
    {
        used.UnionWith(signature.ReturnType);
        foreach (HashSet<TypeDefinitionHandle> parameter in signature.ParameterTypes)
            used.UnionWith(parameter);
    }

    private void Add(EntityHandle handle, HashSet<TypeDefinitionHandle> used)
    {
        if (handle.IsNil)
            return;
        switch (handle.Kind)
        {
            case HandleKind.TypeDefinition:
                used.Add((TypeDefinitionHandle)handle);
                break;
            case HandleKind.TypeSpecification:
                used.UnionWith(_metadata.GetTypeSpecification((TypeSpecificationHandle)handle).DecodeSignature(_signatures, null));
                break;
            case HandleKind.MethodDefinition:
                used.Add(_metadata.GetMethodDefinition((MethodDefinitionHandle)handle).GetDeclaringType());
                break;
            case HandleKind.FieldDefinition:
                used.Add(_metadata.GetFieldDefinition((FieldDefinitionHandle)handle).GetDeclaringType());
                break;
            case HandleKind.MemberReference:
                MemberReference member = _metadata.GetMemberReference((MemberReferenceHandle)handle);
                Add(member.Parent, used);
                if (member.GetKind() == MemberReferenceKind.Method)
                    Add(member.DecodeMethodSignature(_signatures, null), used);
                else
                    used.UnionWith(member.DecodeFieldSignature(_signatures, null));
                break;
            case HandleKind.MethodSpecification:
                MethodSpecification method = _metadata.GetMethodSpecification((MethodSpecificationHandle)handle);
                Add(method.Method, used);
                foreach (HashSet<TypeDefinitionHandle> argument in method.DecodeSignature(_signatures, null))
                    used.UnionWith(argument);
                break;
        }
    }

    /// <summary>The library's types in a signature.</summary>
    private sealed class SignatureTypes(MetadataReader metadata) : ISignatureTypeProvider<HashSet<TypeDefinitionHandle>, object?>
    {
        public HashSet<TypeDefinitionHandle> GetTypeFromDefinition(MetadataReader reader, TypeDefinitionHandle handle, byte rawTypeKind) =>
            [handle];

        public HashSet<TypeDefinitionHandle> GetTypeFromSpecification(
            MetadataReader reader, object? context, TypeSpecificationHandle handle, byte rawTypeKind) =>
            metadata.GetTypeSpecification(handle).DecodeSignature(this, context);

        public HashSet<TypeDefinitionHandle> GetGenericInstantiation(
            HashSet<TypeDefinitionHandle> genericType,
            System.Collections.Immutable.ImmutableArray<HashSet<TypeDefinitionHandle>> typeArguments) =>
            [.. genericType, .. typeArguments.SelectMany(argument => argument)];

        public HashSet<TypeDefinitionHandle> GetFunctionPointerType(MethodSignature<HashSet<TypeDefinitionHandle>> signature) =>
            [.. signature.ReturnType, .. signature.ParameterTypes.SelectMany(parameter => parameter)];

        public HashSet<TypeDefinitionHandle> GetArrayType(HashSet<TypeDefinitionHandle> elementType, ArrayShape shape) => elementType;

        public HashSet<TypeDefinitionHandle> GetByReferenceType(HashSet<TypeDefinitionHandle> elementType) => elementType;

        public HashSet<TypeDefinitionHandle> GetPointerType(HashSet<TypeDefinitionHandle> elementType) => elementType;

        public HashSet<TypeDefinitionHandle> GetSZArrayType(HashSet<TypeDefinitionHandle> elementType) => elementType;

        public HashSet<TypeDefinitionHandle> GetPinnedType(HashSet<TypeDefinitionHandle> elementType) => elementType;

        public HashSet<TypeDefinitionHandle> GetModifiedType(
            HashSet<TypeDefinitionHandle> modifier, HashSet<TypeDefinitionHandle> unmodifiedType, bool isRequired) => unmodifiedType;

        public HashSet<TypeDefinitionHandle> GetTypeFromReference(MetadataReader reader, TypeReferenceHandle handle, byte rawTypeKind) =>
            [];

        public HashSet<TypeDefinitionHandle> GetPrimitiveType(PrimitiveTypeCode typeCode) => [];

        public HashSet<TypeDefinitionHandle> GetGenericMethodParameter(object? genericContext, int index) => [];

        public HashSet<TypeDefinitionHandle> GetGenericTypeParameter(object? genericContext, int index) => [];
    }
}
