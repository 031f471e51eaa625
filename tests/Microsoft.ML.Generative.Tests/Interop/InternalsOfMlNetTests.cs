using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;
using Microsoft.ML.Generative.Images.Vae;
using Microsoft.ML.Generative.Layers;

namespace Microsoft.ML.Generative.Tests;

public sealed class InternalsOfMlNetTests
{
    private static readonly Assembly _library = typeof(GenerativeTransformsCatalog).Assembly;

    [Fact]
    public void Every_member_of_MlNet_that_the_library_uses_is_where_it_was()
    {
        using var pe = new PEReader(File.OpenRead(_library.Location));
        MetadataReader metadata = pe.GetMetadataReader();
        // Type parameters may be constrained: a value type, a definition of a model, or an operation with gradients.
        Type operation = _library.GetTypes().First(type => type is { IsAbstract: false, BaseType: { IsGenericType: true } parent }
            && parent.GetGenericTypeDefinition() == typeof(GradientFunction<>));
        Type[][] anyArguments =
            [.. ((Type[])[typeof(int), typeof(VaeDefinition), operation]).Select(type => Enumerable.Repeat(type, 8).ToArray())];

        List<string> moved = [];
        IEnumerable<EntityHandle> members = metadata.MemberReferences.Where(m => !IsOwn(metadata, m)).Select(h => (EntityHandle)h);
        foreach (EntityHandle handle in metadata.TypeReferences.Select(h => (EntityHandle)h).Concat(members))
        {
            string?[] problems = [.. anyArguments.Select(arguments => Problem(handle, arguments))];
            if (problems.All(problem => problem is not null))
                moved.Add(problems[0]!);
        }

        Assert.True(moved.Count == 0, "This version of ML.NET lacks internals that the library uses:\n" + string.Join("\n", moved));
        Assert.True(metadata.MemberReferences.Count > 100);
    }

    private static string? Problem(EntityHandle handle, Type[] arguments)
    {
        try
        {
            _library.ManifestModule.ResolveMember(MetadataTokens.GetToken(handle), arguments, arguments);
            return null;
        }
        catch (Exception e) when (e is MissingMemberException or TypeLoadException or FileLoadException or ArgumentException)
        {
            return e.Message;
        }
    }

    // A member of one of the library's own generic types, which the compiler has already checked.
    private static bool IsOwn(MetadataReader metadata, MemberReferenceHandle member)
    {
        EntityHandle parent = metadata.GetMemberReference(member).Parent;
        if (parent.Kind != HandleKind.TypeSpecification)
            return false;

        BlobReader signature = metadata.GetBlobReader(metadata.GetTypeSpecification((TypeSpecificationHandle)parent).Signature);
        return signature.ReadSignatureTypeCode() == SignatureTypeCode.GenericTypeInstance
            && signature.ReadByte() != 0
            && signature.ReadTypeHandle().Kind == HandleKind.TypeDefinition;
    }

    [Fact]
    public void Every_type_that_extends_MlNet_loads()
    {
        // A new abstract member or a changed signature shows here.
        Type[] types = _library.GetTypes();
        Assert.Contains(types, t => t.BaseType?.Name == "RootCursorBase");
    }
}
