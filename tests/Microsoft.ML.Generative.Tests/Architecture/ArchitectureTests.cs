using System.Reflection;
using Microsoft.ML.Generative.Runtime;
using TorchSharp;
using Xunit;

namespace Microsoft.ML.Generative.Tests.Architecture;

/// <summary>Holds the rooms of docs/architecture.md: who may use whom, and which namespace a type has.</summary>
public sealed class ArchitectureTests
{
    private const string Root = "Microsoft.ML.Generative";

    // Beside Common and Runtime, which everybody may use.
    private static readonly Dictionary<string, string[]> _mayUse = new()
    {
        ["Common"] = [],
        ["Runtime"] = [],
        ["Interop"] = [],
        ["Serialization"] = [],
        ["Data"] = ["Interop", "Serialization"],
        ["Statistics"] = ["Data"],
        ["ReinforcementLearning"] = ["Statistics"],
        ["Layers"] = ["Serialization"],
        ["Conditions"] = ["Data", "Layers", "Serialization"],
        ["Training"] = ["Data", "Layers", "Serialization"],
        ["Text/Tokenization"] = ["Data", "Interop", "Serialization"],
        ["Text/Codec"] = ["Text/Tokenization", "Data", "Serialization"],
        ["Text/Decoding"] = ["Text/Codec", "Text/Tokenization", "Layers", "Serialization"],
        ["Text/Chat"] = ["Text/Decoding", "Text/Codec", "Text/Tokenization", "Serialization"],
        ["Text/LanguageModels"] = ["Text/Chat", "Text/Decoding", "Text/Codec", "Text/Tokenization", .. _model],
        ["Text/Encoders"] = ["Text/LanguageModels", "Text/Codec", "Text/Tokenization", .. _model],
        ["Text/RewardModels"] = ["Text/LanguageModels", "Text/Codec", "Text/Tokenization", .. _model],
        ["Text/Alignment"] =
        [
            "Text/RewardModels", "Text/LanguageModels", "Text/Decoding", "Text/Codec", "Text/Tokenization", .. _model,
        ],
        ["Text/EncoderDecoders"] = ["Text/LanguageModels", "Text/Decoding", "Text/Codec", "Text/Tokenization", .. _model],
        ["Text/Evaluation"] = ["Data"],
        ["Flows"] = _model,
        // Its models are those of other rooms, by what these offer to users.
        ["Music"] =
        [
            "Text/LanguageModels", "Text/Encoders", "Text/Decoding", "Text/Tokenization", "Images/Vae", "Images/Diffusion", "Data",
            "Serialization", "Interop",
        ],
        ["Images/Vae"] = _model,
        ["Images/VqVae"] = _model,
        ["Images/Gan"] = _model,
        ["Images/Rewards"] = ["Data"],
        ["Images/Diffusion"] = ["Images/Rewards", .. _model],
        ["Images/Classification"] = _model,
        ["Images/Evaluation"] = ["Images/Classification", "Data", "Training", "Layers", "Serialization"],
    };

    // Public types of these rooms have a namespace that users name; all others are in the root namespace.
    private static readonly string[] _publicNamespaces =
        [Root, $"{Root}.Schedulers", $"{Root}.Tokenizers", $"{Root}.Evaluation", $"{Root}.Statistics", $"{Root}.ReinforcementLearning",
            $"{Root}.Music"];

    private static string[] _model => ["Training", "Conditions", "Layers", "Data", "Serialization", "Interop"];

    [Fact]
    public void Rooms_use_only_those_that_the_table_allows()
    {
        using var references = new RoomReferences(typeof(GenerativeCatalog).Assembly.Location);

        string[] forbidden = [.. references.Uses()
            .Select(use => (use.User, use.Used, From: RoomOf(use.UserFolder), To: RoomOf(use.UsedFolder)))
            .Where(use => use.From != use.To && use.From.Length > 0 && use.To is not ("Common" or "Runtime"))
            .Where(use => !(_mayUse.TryGetValue(use.From, out string[]? allowed) && allowed.Contains(use.To)))
            .Select(use => $"{use.From} → {use.To}: {use.User} uses {use.Used}")
            .Distinct().Order(StringComparer.Ordinal)];

        Assert.True(forbidden.Length == 0, string.Join('\n', forbidden));
    }

    [Fact]
    public void Common_uses_only_Runtime_and_Runtime_nobody()
    {
        using var references = new RoomReferences(typeof(GenerativeCatalog).Assembly.Location);

        string[] forbidden = [.. references.Uses()
            .Where(use => RoomOf(use.UserFolder) == "Runtime" && RoomOf(use.UsedFolder) != "Runtime")
            .Select(use => $"{use.User} uses {use.Used}").Distinct()];

        Assert.True(forbidden.Length == 0, string.Join('\n', forbidden));
    }

    [Fact]
    public void Each_room_of_the_source_is_in_the_table()
    {
        using var references = new RoomReferences(typeof(GenerativeCatalog).Assembly.Location);

        Assert.Equal(_mayUse.Keys.Order(StringComparer.Ordinal),
            references.Types.Select(type => RoomOf(type.Folder)).Where(room => room.Length > 0).Distinct().Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Internal_types_have_the_namespace_of_their_folder()
    {
        using var references = new RoomReferences(typeof(GenerativeCatalog).Assembly.Location);

        string[] elsewhere = [.. references.Types
            .Where(type => !type.IsPublic && type.Name[0] != '<' && type.Namespace.StartsWith(Root, StringComparison.Ordinal))
            .Where(type => type.Namespace != (type.Folder.Length == 0 ? Root : $"{Root}.{type.Folder.Replace('/', '.')}"))
            .Select(type => $"{type.Folder}/{type.Name} is in {type.Namespace}")];

        Assert.True(elsewhere.Length == 0, string.Join('\n', elsewhere));
    }

    [Fact]
    public void Public_types_are_in_the_namespaces_that_users_name()
    {
        using var references = new RoomReferences(typeof(GenerativeCatalog).Assembly.Location);

        Assert.Equal(_publicNamespaces.Order(StringComparer.Ordinal),
            references.Types.Where(type => type.IsPublic && type.Name != nameof(GenerativeCatalogExtensions)).Select(type => type.Namespace)
                .Distinct().Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Only_TorchSeed_touches_the_state_of_libtorchs_generators()
    {
        using var references = new RoomReferences(typeof(GenerativeCatalog).Assembly.Location);

        string[] users = [.. references.ExternalCalls()
            .Where(call => call.Type is "torch" or "random" or "cuda"
                && (call.Method.Contains("seed", StringComparison.Ordinal) || call.Method.Contains("rng", StringComparison.Ordinal)))
            .Select(call => call.User).Distinct()];

        // It alone has their lock.
        Assert.Equal([nameof(TorchSeed)], users);
    }

    [Fact]
    public void No_number_can_be_collected_while_libtorch_reads_it()
    {
        IReadOnlySet<MethodBase> hidden = HiddenScalars.Find();
        Assert.Contains(typeof(torch.Tensor).GetMethod("square")!, hidden);

        string[] users =
        [
            .. from method in HiddenScalars.MethodsOf(typeof(GenerativeCatalog).Assembly)
               from call in HiddenScalars.CallsOf(method)
               // FusedKernels, whose test shows it, holds the numbers of functions of TorchScript.
               where hidden.Contains(call) && call.Name != "invoke"
               select $"{method.DeclaringType!.Name}.{method.Name} calls {call.DeclaringType!.Name}.{call.Name}",
        ];

        Assert.True(users.Length == 0, string.Join('\n', users));
    }

    private static string RoomOf(string folder)
    {
        string[] parts = folder.Split('/');
        return parts[0] is "Text" or "Images" && parts.Length > 1 ? $"{parts[0]}/{parts[1]}" : parts[0];
    }
}
