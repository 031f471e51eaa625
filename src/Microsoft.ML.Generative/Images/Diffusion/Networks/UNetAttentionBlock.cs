using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Runtime;
using TorchSharp.Modules;
using static TorchSharp.torch;
using Linear = Microsoft.ML.Generative.Layers.Linear;

namespace Microsoft.ML.Generative.Images.Diffusion.Networks;

/// <summary>
/// Attention of all pixels to all pixels, or to the vectors of a context, with a shortcut around it (Wang et al. 2018; Ho et al. 2020,
/// appendix B).
/// </summary>
internal sealed class UNetAttentionBlock : nn.Module
{
    private readonly GroupNormalization? group_norm;
    private readonly Linear to_q;
    private readonly Linear to_k;
    private readonly Linear to_v;
    private readonly ModuleList<Linear> to_out;

    private readonly int _heads;
    private readonly double _scale;

    /// <param name="config">The network's form.</param>
    /// <param name="channels">Channels of the images.</param>
    /// <param name="normGroups">Groups of the normalization before; 0: none.</param>
    /// <param name="scale">What the sum with the shortcut is divided by.</param>
    /// <param name="contextSize">Values of a context's vector; 0: the pixels attend to each other.</param>
    public UNetAttentionBlock(UNetArchitecture config, int channels, int normGroups, double scale = 1, int contextSize = 0)
        : base(nameof(UNetAttentionBlock))
    {
        (_heads, _scale) = (channels / (config.AttentionHeadSize ?? channels), scale);
        int seen = contextSize > 0 ? contextSize : channels;
        if (normGroups > 0)
            group_norm = new GroupNormalization(normGroups, channels, config.NormEpsilon);
        to_q = new Linear(channels, channels);
        to_k = new Linear(seen, channels);
        to_v = new Linear(seen, channels);
        to_out = new ModuleList<Linear>(new Linear(channels, channels));
        RegisterComponents();
        if (ModuleTensors.HasValues)
            nn.init.zeros_(to_out[0].Weight.Dense());
    }

    /// <param name="x">[batch, channels, height, width].</param>
    /// <param name="context">What to attend to, [batch, tokens, context size]; <see langword="null"/>: the pixels themselves.</param>
    public Tensor Forward(Tensor x, Tensor? context = null)
    {
        (long batch, long channels, long height, long width) = (x.size(0), x.size(1), x.size(2), x.size(3));
        // In the order in which three layers read it, [batch, pixels, channels]: each would otherwise make a copy of its own.
        Tensor pixels = (group_norm is null ? x : group_norm.call(x)).flatten(2).transpose(1, 2).contiguous();
        Tensor seen = context ?? pixels;
        Tensor attended = DotProductAttention.Full(Heads(to_q.call(pixels)), Heads(to_k.call(seen)), Heads(to_v.call(seen)));
        Tensor h = to_out[0].call(attended.transpose(1, 2).reshape(batch, height * width, channels)); // [batch, pixels, channels]
        Tensor sum = x.Plus(h.transpose(1, 2).reshape(batch, channels, height, width)); // [batch, channels, height, width]
        return _scale == 1 ? sum : sum.Times(1 / _scale);
    }

    // [batch, tokens, channels] → [batch, heads, tokens, headSize]
    private Tensor Heads(Tensor values) => values.view(values.size(0), values.size(1), _heads, values.size(2) / _heads).transpose(1, 2);
}
