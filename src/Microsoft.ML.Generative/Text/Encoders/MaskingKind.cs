namespace Microsoft.ML.Generative;

/// <summary>Which tokens a masked language model learns to predict.</summary>
public enum MaskingKind
{
    /// <summary>
    /// A part of the tokens, <see cref="MaskedLanguageModelOptions.MaskProbability"/>, of which 80% are masked, 10% replaced and 10% left
    /// as they are: for encoders that other models are made of (BERT; Devlin et al. 2018, <see href="https://arxiv.org/abs/1810.04805"/>).
    /// </summary>
    Bert,

    /// <summary>
    /// Of each text, as many tokens as a random number from 1 to all says, all of them masked: for models that fill in any part of a text,
    /// up to all of it. A text with n tokens of which k are masked counts n/k times, so that the loss is an upper bound of -log p of a
    /// token, averaged over all orders in which the text could be filled in (orderless NADE; Uria, Murray, Larochelle 2014,
    /// <see href="https://arxiv.org/abs/1310.1757"/>).
    /// </summary>
    OrderAgnostic,
}
