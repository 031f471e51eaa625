using System.Reflection;
using System.Text;
using Microsoft.ML.Data;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

/// <summary>Attacks on model files one by one.</summary>
public sealed class ModelArchiveTests(SavedVae saved) : IClassFixture<SavedVae>, IDisposable
{
    private const string ChainKey = "TransformerChain/Model.key";
    private const string Ours = "TransformerChain/Transform_001/";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_sound_model_loads_as_it_was_saved()
    {
        using var model = (TransformerChain<ITransformer>)Load(saved.Zip, out DataViewSchema? schema);
        Assert.Equal(saved.Expected, SavedVae.Rows((VaeTransformer)model.LastTransformer));
        Assert.Equal("Pixels", schema![0].Name);

        saved.Ml.Model.Load(_folder.File("model.zip"), out DataViewSchema expected);
        Assert.Equal(expected.Select(c => (c.Name, c.Type)), schema.Select(c => (c.Name, c.Type)));
    }

    [Fact]
    public void Every_type_of_column_comes_back_in_the_input_schema()
    {
        var builder = new DataViewSchema.Builder();
        PrimitiveDataViewType[] simple =
        [
            NumberDataViewType.SByte, NumberDataViewType.Byte, NumberDataViewType.Int16, NumberDataViewType.UInt16,
            NumberDataViewType.Int32, NumberDataViewType.UInt32,
            NumberDataViewType.Int64, NumberDataViewType.UInt64, NumberDataViewType.Single, NumberDataViewType.Double,
            BooleanDataViewType.Instance, TextDataViewType.Instance,
            TimeSpanDataViewType.Instance, DateTimeDataViewType.Instance, DateTimeOffsetDataViewType.Instance, RowIdDataViewType.Instance,
        ];
        var key = new KeyDataViewType(typeof(uint), 7);
        DataViewType[] types =
        [
            .. simple, key, new KeyDataViewType(typeof(byte), 3), new VectorDataViewType(key, 2),
            new VectorDataViewType(NumberDataViewType.Single),
            new VectorDataViewType(NumberDataViewType.Byte, 3, 6, 8), new VectorDataViewType(TextDataViewType.Instance, 5),
        ];
        foreach (DataViewType type in types)
            builder.AddColumn(type.ToString()!, type);
        saved.Ml.Model.Save(
            saved.Ml.Transforms.CopyColumns("b", "Single").Fit(TypedView(builder.ToSchema())), builder.ToSchema(),
            _folder.File("typed.zip"));

        saved.Ml.Generative().LoadModel(_folder.File("typed.zip"), out DataViewSchema? found);
        Assert.Equal(types, found!.Select(c => c.Type));
    }

    [Fact]
    public void A_model_cannot_ask_for_batches_that_exhaust_memory()
    {
        var options = new VaeOptions { TransformBatchSize = int.MaxValue };
        Assert.Contains("TransformBatchSize", Assert.ThrowsAny<ArgumentException>(options.Validate).Message);
    }

    [Fact]
    public void A_file_cannot_name_the_assembly_that_is_loaded()
    {
        // ML.NET itself asks for whatever is named, which is why there is a check before it.
        byte[] zip = ZipBytes.With(
            saved.Zip, Ours + "Model.key", _ => ZipBytes.ModelKey("GenerativeVae", "Nobody.Knows.This, Version=1.0.0.0"));
        var asked = new List<string>();
        ResolveEventHandler note = (_, args) =>
        {
            asked.Add(args.Name);
            return null;
        };
        AppDomain.CurrentDomain.AssemblyResolve += note;
        try
        {
            Assert.Contains("wants the assembly 'Nobody.Knows.This' loaded", Refused(zip));
            Assert.DoesNotContain(asked, name => name.StartsWith("Nobody", StringComparison.Ordinal));
            Assert.ThrowsAny<Exception>(() => saved.Ml.Model.Load(new MemoryStream(zip), out _));
            Assert.Contains(asked, name => name.StartsWith("Nobody", StringComparison.Ordinal));
        }
        finally
        {
            AppDomain.CurrentDomain.AssemblyResolve -= note;
        }
    }

    [Theory]
    [InlineData("System.Private.CoreLib")]
    [InlineData("Microsoft.ML.Generative.Tests")]
    [InlineData("Microsoft.ML.DataView")]
    [InlineData("Microsoft.ML.Data/../x")]
    [InlineData("a=b, c")]
    public void An_assembly_without_loaders_for_models_from_untrusted_sources_is_refused(string assembly) =>
        Assert.Contains(
            "assembly", Refused(ZipBytes.With(saved.Zip, Ours + "Model.key", _ => ZipBytes.ModelKey("GenerativeVae", assembly))));

    [Theory]
    [InlineData("CustomTransformer")]
    [InlineData("customtransformer ")]
    [InlineData("Normalizer")]
    [InlineData(" ")]
    public void A_loader_that_is_not_for_untrusted_sources_is_refused(string loader) => Assert.Contains(
        "not among those for files from untrusted sources",
        Refused(ZipBytes.With(saved.Zip, Ours + "Model.key", _ => ZipBytes.ModelKey(loader, "Microsoft.ML.Transforms"))));

    [Theory]
    [InlineData("../outside")]
    [InlineData("/outside")]
    [InlineData("..\\outside")]
    [InlineData("C:\\outside")]
    [InlineData("TransformerChain/../../outside")]
    [InlineData("TransformerChain//outside")]
    [InlineData("out\nside")]
    public void An_entry_whose_name_leads_elsewhere_is_refused_and_nothing_is_written(string name)
    {
        string parent = Directory.GetParent(_folder.Path)!.FullName;
        Assert.Contains("is not named as in a model file", Refused(ZipBytes.Of([.. ZipBytes.Entries(saved.Zip), (name, [1])])));
        Assert.False(File.Exists(Path.Combine(parent, "outside")));
        Assert.Equal(["model.zip"], Directory.EnumerateFileSystemEntries(_folder.Path).Select(p => Path.GetFileName(p)));
    }

    [Theory]
    [InlineData(Ours + "config.json")]
    [InlineData("transformerchain\\Model.KEY")]
    public void Two_entries_of_one_name_are_refused(string name) =>
        Assert.Contains("two entries named", Refused(ZipBytes.Of([.. ZipBytes.Entries(saved.Zip), (name, [1])])));

    [Fact]
    public void Entries_that_claim_or_unpack_to_far_more_than_the_file_are_refused()
    {
        byte[] zeros = new byte[100_000_000];
        Assert.Contains("claim more than", Refused(ZipBytes.Of([.. ZipBytes.Entries(saved.Zip), ("TransformerChain/zeros", zeros)])));
        Assert.Contains(
            "claim more than", Refused(ZipBytes.WithDeclaredSize(saved.Zip, Ours + "autoencoder.safetensors", uint.MaxValue - 1)));
    }

    [Fact]
    public void An_entry_that_unpacks_to_more_than_it_claims_is_refused()
    {
        byte[] bomb = ZipBytes.Of([.. ZipBytes.Entries(saved.Zip).Where(e => e.Name != Ours + "autoencoder.safetensors"), (
            Ours + "autoencoder.safetensors", new byte[60_000_000])]);
        Assert.NotNull(Refused(ZipBytes.WithDeclaredSize(bomb, Ours + "autoencoder.safetensors", 1000)));
    }

    [Theory]
    [InlineData(int.MaxValue)]
    [InlineData(-1)]
    public void A_chain_of_more_models_than_entries_is_refused(int links) => Assert.Contains(
        $"begins with a count of {links} where 0 to ",
        Refused(ZipBytes.With(saved.Zip, ChainKey, key => [.. key[..256], .. BitConverter.GetBytes(links), .. key[260..]])));

    [Fact]
    public void Chains_in_chains_are_refused_before_they_exhaust_the_stack()
    {
        byte[] chain = ZipBytes.ModelKey("TransformerChain", "Microsoft.ML.Data", 1, 0, 0, 0, 0, 0, 0, 0);
        var nested = Enumerable.Range(0, 600)
            .Select(depth => ("TransformerChain/" + string.Concat(Enumerable.Repeat("Transform_000/", depth)) + "Model.key", chain));
        Assert.Contains("is not named as in a model file", Refused(ZipBytes.Of(nested)));
    }

    [Fact]
    public void Types_in_types_in_the_schema_are_refused_before_they_exhaust_the_stack()
    {
        // Far deeper than the stack: ML.NET alone would end the process.
        byte[] nested = [.. Enumerable.Range(0, 100_000).SelectMany(_ => (byte[])[.. "\u0007VBuffer"u8, 0x96, 0x01])];
        Assert.Contains("types deep", Refused(ZipBytes.With(saved.Zip, "Schema", schema =>
        {
            int at = schema.AsSpan().IndexOf("\u0007VBuffer"u8);
            return [.. schema[..at], .. nested, .. schema[at..]];
        })));
    }

    [Fact]
    public void A_count_in_the_schema_that_is_larger_than_the_file_is_refused()
    {
        // ML.NET alone would wait for the rest of the file for ever.
        Assert.Contains("a vector of 16777217 dimensions", Refused(ZipBytes.With(saved.Zip, "Schema", schema =>
        {
            int at = schema.AsSpan().IndexOf("\u0007VBuffer"u8);
            return [.. schema[..(at + 15)], 1, 0, 0, 1, .. schema[(at + 19)..]];
        })));
    }

    [Fact]
    public void A_file_that_is_no_archive_or_no_model_says_so()
    {
        Assert.Contains("has no entry 'TransformerChain/Model.key'", Refused(ZipBytes.Of([("a", [1])])));
        Assert.Contains("a model under another name", Refused(ZipBytes.Of(
            [.. ZipBytes.Entries(saved.Zip), ("Model.bin", ZipBytes.ModelKey("x", "y"))])));
        Assert.Throws<FileNotFoundException>(() => saved.Ml.Generative().LoadModel(_folder.File("none.zip"), out _));
    }

    [Theory]
    [InlineData(0, "it is empty")]
    [InlineData(100, "it is a zip archive whose end is missing or damaged (there are 100 bytes)")]
    [InlineData(-1, "it is a zip archive whose end is missing or damaged")]
    [InlineData(-60, "it is a zip archive whose end is missing or damaged")]
    public void A_file_that_is_cut_off_says_so_and_what_to_do(int length, string reason)
    {
        string message = Refused(saved.Zip[..(length < 0 ? saved.Zip.Length + length : length)]);
        Assert.StartsWith($"'{_folder.File("model.zip")}' is not a usable model file: {reason}", message);
        Assert.EndsWith("Get the file again from where it comes from, or save the model again.", message);
        Assert.DoesNotContain("Central Directory", message);
    }

    [Fact]
    public void A_file_that_is_no_archive_says_so_and_what_to_do()
    {
        string message = Refused("ONNX or anything else"u8.ToArray());
        Assert.StartsWith($"'{_folder.File("model.zip")}' is not a usable model file: it is not a zip archive, which is what "
            + $"mlContext.Model.Save writes. Get the file again", message);
    }

    [Fact]
    public void Damage_in_an_archives_directory_says_so()
    {
        byte[] zip = [.. saved.Zip];
        // The signature of the first entry in the central directory.
        zip[zip.AsSpan().IndexOf("PK\x01\x02"u8)] ^= 1;
        Assert.Contains("it is a zip archive whose end is missing or damaged", Refused(zip));
    }

    [Fact]
    public void Nothing_in_the_library_looks_a_type_or_an_assembly_up_by_name()
    {
        string path = typeof(VaeTransformer).Assembly.Location;
        using var file = new System.Reflection.PortableExecutable.PEReader(File.OpenRead(path));
        var metadata = System.Reflection.Metadata.PEReaderExtensions.GetMetadataReader(file);
        string[] forbidden = ["Type.GetType", "Assembly.GetType", "Assembly.Load", "Assembly.LoadFrom", "Assembly.LoadFile",
        "Assembly.LoadWithPartialName", "Activator.CreateInstanceFrom",
            "Assembly.CreateInstance", "AssemblyLoadContext.LoadFromAssemblyName", "AssemblyLoadContext.LoadFromAssemblyPath",
            "AssemblyLoadContext.LoadFromStream", "BinaryFormatter.Deserialize"];

        List<string> used = [];
        foreach (var handle in metadata.MemberReferences)
        {
            var member = metadata.GetMemberReference(handle);
            if (member.Parent.Kind != System.Reflection.Metadata.HandleKind.TypeReference)
                continue;
            var type = metadata.GetTypeReference((System.Reflection.Metadata.TypeReferenceHandle)member.Parent);
            used.Add($"{metadata.GetString(type.Name)}.{metadata.GetString(member.Name)}");
        }

        Assert.Contains("String.Concat", used);
        // object.GetType is another method.
        Assert.Empty(used.Intersect(forbidden));
        Assert.DoesNotContain(typeof(VaeTransformer).Assembly.GetTypes(), t =>
            t.GetCustomAttributes(typeof(System.Text.Json.Serialization.JsonPolymorphicAttribute), false).Length > 0);
    }

    private IDataView TypedView(DataViewSchema schema) =>
        (IDataView)Activator.CreateInstance(
            typeof(TransformerChain<>).Assembly.GetType("Microsoft.ML.Data.EmptyDataView")!, saved.Ml, schema)!;

    private ITransformer Load(byte[] zip, out DataViewSchema? schema)
    {
        string path = _folder.File("model.zip");
        File.WriteAllBytes(path, zip);
        return saved.Ml.Generative().LoadModel(path, out schema);
    }

    private string Refused(byte[] zip)
    {
        string? message = null;
        Bounds.LoadedOrRefused<ITransformer>(
            () =>
            {
                try
                {
                    return Load(zip, out _);
                }
                catch (InvalidDataException e)
                {
                    message = e.Message;
                    throw;
                }
            },
            maxBytes: 30_000_000);
        return message ?? throw new InvalidOperationException("It was loaded.");
    }
}
