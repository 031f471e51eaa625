using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Layers.Adapters;

namespace Microsoft.ML.Generative.Images.Diffusion.Networks;

/// <summary>The modules of a U-Net that adapters can change, under their names in diffusers, which are those of the network.</summary>
internal static class UNetModules
{
    private static readonly string[] _blocks = ["down_blocks.", "mid_block.", "up_blocks."];

    public static AdaptableNetwork Of(UNetNetwork network)
    {
        List<AdaptableModule> modules = [];
        List<SavableModule> savable = [];
        foreach ((string name, TorchSharp.torch.nn.Module module) in network.named_modules())
        {
            if (module is Adapter)
                continue;
            if (module is AdaptableLayer layer)
                modules.Add(new AdaptableModule(name, name, layer, null, KeywordOf(name, layer)));
            string[] parameters = [.. module.named_parameters(recurse: false).Select(p => $"{name}.{p.name}")];
            if (parameters.Length > 0)
                savable.Add(new SavableModule(name, name, parameters));
        }

        return new AdaptableNetwork(modules, savable);
    }

    private static string? KeywordOf(string name, AdaptableLayer layer) =>
        !_blocks.Any(block => name.StartsWith(block, StringComparison.Ordinal)) ? null
        : layer is Linear ? LoraOptions.AllLinear
        : layer is WeightedLayer ? LoraOptions.AllConvolutions
        : null;
}
